package node

// maxHTTPConnections are open at once where the system allows as many files.
const maxHTTPConnections = 10_000

// maxConnections leaves half of the files that the process may open to its stores, uploads and their own connections.
func maxConnections() int {
	if half := fileLimit() / 2; half > 0 && half < maxHTTPConnections {
		return int(half) // #nosec G115 -- less than ten thousand
	}
	return maxHTTPConnections
}

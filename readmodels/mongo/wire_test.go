package mongo_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// wireServer speaks just enough of MongoDB's protocol to say ok to every command, unless its script says something
// else. It keeps nothing but the commands: what it proves is what the adapter sends and how it takes the answers.
type wireServer struct {
	listener net.Listener
	set      string // name of the replica set; empty for a single server
	wg       sync.WaitGroup

	mu       sync.Mutex
	commands []bson.M
	script   func(name string, command bson.M) any
	conns    []net.Conn
}

// Answers of a script beside a document; nil leaves the answer to the server.
type (
	hangUp struct{} // closes the connection
	silent struct{} // never answers
)

func newWireServer(t *testing.T, set string, script func(name string, command bson.M) any) *wireServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wireServer{listener: l, set: set, script: script}
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.mu.Lock()
			w.conns = append(w.conns, c)
			w.mu.Unlock()
			w.wg.Go(func() { w.serve(c) })
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *wireServer) stop() {
	_ = w.listener.Close()
	w.mu.Lock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.wg.Wait()
}

func (w *wireServer) uri() string {
	if w.set == "" {
		return "mongodb://" + w.listener.Addr().String() + "/?directConnection=true"
	}
	return "mongodb://" + w.listener.Addr().String() + "/?replicaSet=" + w.set
}

// sent are the commands with these names, in order.
func (w *wireServer) sent(names ...string) (found []bson.M) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.commands {
		if slices.Contains(names, c["$name"].(string)) {
			found = append(found, c)
		}
	}
	return found
}

const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013
)

func (w *wireServer) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	for {
		var header [4]int32
		if binary.Read(c, binary.LittleEndian, &header) != nil {
			return
		}
		body := make([]byte, header[0]-16)
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		var command bson.D
		if header[3] == opQuery {
			body = body[4:]
			command = document(body[bytes.IndexByte(body, 0)+1+8:])
		} else {
			command = message(body[4:])
		}
		answer := w.answer(command)
		switch answer.(type) {
		case hangUp:
			return
		case silent:
			continue
		}
		raw, err := bson.Marshal(answer)
		if err != nil {
			return
		}
		head := []int32{0, 0, header[1], opMsg, 0}
		kind := []byte{0}
		if header[3] == opQuery {
			head = []int32{0, 0, header[1], opReply, 0, 0, 0, 0, 1}
			kind = nil
		}
		head[0] = int32(4*len(head) + len(kind) + len(raw))
		var out bytes.Buffer
		_ = binary.Write(&out, binary.LittleEndian, head) // a buffer takes everything
		out.Write(kind)
		out.Write(raw)
		if _, err := c.Write(out.Bytes()); err != nil {
			return
		}
	}
}

// message joins the sections of an OP_MSG into one command.
func message(b []byte) (command bson.D) {
	for len(b) > 0 {
		size := int(binary.LittleEndian.Uint32(b[1:]))
		section := b[1 : 1+size]
		if b[0] == 0 {
			command = append(document(section), command...)
		} else {
			name := section[4 : 4+bytes.IndexByte(section[4:], 0)]
			docs := bson.A{}
			for rest := section[4+len(name)+1:]; len(rest) > 0; rest = rest[binary.LittleEndian.Uint32(rest):] {
				docs = append(docs, document(rest))
			}
			command = append(command, bson.E{Key: string(name), Value: docs})
		}
		b = b[1+size:]
	}
	return command
}

func document(b []byte) (d bson.D) {
	if err := bson.Unmarshal(b[:binary.LittleEndian.Uint32(b)], &d); err != nil {
		panic(err)
	}
	return d
}

func (w *wireServer) answer(command bson.D) any {
	name := command[0].Key
	fields := bson.M{"$name": name}
	for _, e := range command {
		fields[e.Key] = e.Value
	}
	w.mu.Lock()
	w.commands = append(w.commands, fields)
	answer := w.script(name, fields)
	w.mu.Unlock()
	if answer != nil {
		return answer
	}
	switch name {
	case "hello", "isMaster", "ismaster":
		address := w.listener.Addr().String()
		d := bson.D{
			{Key: "ok", Value: 1}, {Key: "isWritablePrimary", Value: true}, {Key: "ismaster", Value: true}, {Key: "helloOk", Value: true},
			{Key: "minWireVersion", Value: 0}, {Key: "maxWireVersion", Value: 21}, {Key: "maxBsonObjectSize", Value: 16 << 20},
			{Key: "maxMessageSizeBytes", Value: 48 << 20}, {Key: "maxWriteBatchSize", Value: 100_000},
			{Key: "logicalSessionTimeoutMinutes", Value: 30},
		}
		if w.set != "" {
			d = append(d, bson.E{Key: "setName", Value: w.set}, bson.E{Key: "hosts", Value: bson.A{address}},
				bson.E{Key: "me", Value: address}, bson.E{Key: "primary", Value: address})
		}
		return d
	case "find", "listIndexes":
		return found()
	case "update":
		n := len(fields["updates"].(bson.A))
		return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: n}, {Key: "nModified", Value: n}}
	}
	return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 1}}
}

// found is the answer to a find.
func found(docs ...any) bson.D {
	return bson.D{{Key: "ok", Value: 1}, {Key: "cursor", Value: bson.D{
		{Key: "id", Value: int64(0)}, {Key: "ns", Value: "zhiping.x"}, {Key: "firstBatch", Value: append(bson.A{}, docs...)},
	}}}
}

// failed is the answer of a server that refuses.
func failed(code int, labels ...string) bson.D {
	return bson.D{
		{Key: "ok", Value: 0}, {Key: "code", Value: code}, {Key: "errmsg", Value: "scripted"}, {Key: "errorLabels", Value: labels},
	}
}

package http

import "context"

// Named is a key with its name in the caller's language.
type Named struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// Line is a business line with its declaration types.
type Line struct {
	Key   string  `json:"key"`
	Name  string  `json:"name"`
	Types []Named `json:"types"`
}

func (s *Server) lineRoutes() {
	handle(s, route{"GET", "/lines", "The business lines with their declaration types", "viewLines", 200},
		func(ctx context.Context, _ *struct{}) (*struct{ Body list[Line] }, error) {
			lang := requestOf(ctx).lang
			out := list[Line]{Items: []Line{}}
			for _, l := range s.Catalog.Lines() {
				line := Line{Key: l.Key, Name: l.Name.In(lang)}
				for _, t := range l.Types {
					line.Types = append(line.Types, Named{t.Key, t.Name.In(lang)})
				}
				out.Items = append(out.Items, line)
			}
			return &struct{ Body list[Line] }{out}, nil
		}, unviewed)
}

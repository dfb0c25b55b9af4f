package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
)

func (s *Server) attachmentRoutes() {
	handle(s, route{"POST", "/declarations/{id}/attachments", "Attach a file (multipart: slot, recommender for an expert's file, file)", "AttachFile", 201}, s.attach)
	handle(s, route{"GET", "/declarations/{id}/attachments/{aid}", "Download a file; ranges are served", "viewDeclaration", 200}, s.download)
	handle(s, route{"DELETE", "/declarations/{id}/attachments/{aid}", "Remove a file while its module is editable", "RemoveFile", 200}, func(ctx context.Context, in *byFile) (*written[Form], error) {
		return s.declare(ctx, in.ID, 200, declaration.RemoveFile{ID: in.AID})
	})
	op := s.api.OpenAPI().Paths["/api/v1/declarations/{id}/attachments"].Post
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{fiber.MIMEMultipartForm: {Schema: &huma.Schema{
		Type: "object", Required: []string{"slot", "file"}, Properties: map[string]*huma.Schema{
			"slot": {Type: "string"}, "recommender": {Type: "string", Format: "uuid"}, "file": {Type: "string", Format: "binary"},
		},
	}}}}
}

type byFile struct {
	ID  uuid.UUID `path:"id"`
	AID uuid.UUID `path:"aid"`
}

// attach streams the file to the blob store and only then names it in an event: a crash between the two leaves
// content that no event refers to, never an event without its content.
func (s *Server) attach(ctx context.Context, in *ByID) (*written[Attachment], error) {
	rq := requestOf(ctx)
	body := rq.fiber.Context().RequestBodyStream()
	if body == nil {
		return nil, ErrMalformed
	}
	stream := &steady{Reader: body, conn: rq.fiber.Context().Conn(), each: s.ReadTimeout, end: time.Now().Add(uploadTimeout)}
	defer discard(rq.fiber, stream)
	_, params, err := mime.ParseMediaType(rq.fiber.Get(fiber.HeaderContentType))
	if err != nil || params["boundary"] == "" {
		return nil, ErrContentType
	}
	file, err := s.receiveFile(ctx, in.ID, multipart.NewReader(io.LimitReader(stream, maxUpload), params["boundary"]))
	if err != nil {
		return nil, err
	}
	file.ID = rq.newID("file")
	r, err := s.Executor.Declaration(ctx, rq.envelope(), in.ID, declaration.AttachFile{File: file})
	if err != nil {
		return nil, err
	}
	out := wrote(r, 201, attachmentOf(file))
	out.Location = fmt.Sprintf("/api/v1/declarations/%s/attachments/%s", in.ID, file.ID)
	return out, nil
}

// steady lets an upload take its time over a slow line as long as something comes, and not for ever. The connection's
// deadlines are of the real clock.
type steady struct {
	io.Reader
	conn interface{ SetReadDeadline(time.Time) error }
	each time.Duration // for the next piece
	end  time.Time
}

func (r *steady) Read(p []byte) (int, error) {
	deadline := time.Now().Add(r.each)
	if deadline.After(r.end) {
		deadline = r.end
	}
	if err := r.conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// receiveFile reads the parts; the fields come before the file, since the slot says what content is taken.
func (s *Server) receiveFile(ctx context.Context, id uuid.UUID, parts *multipart.Reader) (declaration.File, error) {
	var file declaration.File
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return file, domain.ErrInvalid.WithFaults(missingPart("file"))
		}
		if err != nil {
			return file, ErrMalformed
		}
		switch part.FormName() {
		case "slot", "recommender":
			value, err := io.ReadAll(io.LimitReader(part, maxID))
			if err != nil {
				return file, ErrMalformed
			}
			if part.FormName() == "slot" {
				file.Slot = string(value)
			} else {
				file.Recommender = string(value)
			}
		case "file":
			slot, err := s.slotFor(ctx, id, file)
			if err != nil {
				return file, err
			}
			blob, err := s.Blobs.Put(ctx, part, slot)
			if err != nil {
				return file, err
			}
			file.Name = s.Blobs.SafeName(rawFileName(part), blob.Type)
			file.Size, file.Type, file.SHA256 = blob.Size, blob.Type, blob.SHA256
			return file, nil
		}
	}
}

func missingPart(name string) domain.Fault {
	f := domain.NewFault("missing", nil)
	f.Location = "body." + name
	return f
}

// slotFor asks, before any content is read, whether the caller could attach it: a stranger's upload is not stored.
func (s *Server) slotFor(ctx context.Context, id uuid.UUID, file declaration.File) (catalog.Slot, error) {
	if file.Slot == "" {
		return catalog.Slot{}, domain.ErrInvalid.WithFaults(missingPart("slot"))
	}
	return s.Executor.Slot(ctx, requestOf(ctx).envelope(), id, file)
}

// download serves content to those who may see the declaration.
func (s *Server) download(ctx context.Context, in *byFile) (*huma.StreamResponse, error) {
	d, err := s.formDoc(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	file, ok := d.State.File(in.AID)
	if !ok {
		return nil, declaration.ErrFileNotFound
	}
	rq := requestOf(ctx)
	tag := `"` + file.SHA256 + `"`
	if has(rq.ifNoneMatch, tag) {
		return &huma.StreamResponse{Body: func(hc huma.Context) { hc.SetHeader(fiber.HeaderETag, tag); hc.SetStatus(fiber.StatusNotModified) }}, nil
	}
	asked := rq.fiber.Get(fiber.HeaderRange)
	if of := rq.fiber.Get(fiber.HeaderIfRange); of != "" && of != tag { // the caller has a part of something else
		asked = ""
	}
	offset, length, partial, err := rangeOf(asked, file.Size)
	if err != nil {
		rq.fiber.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes */%d", file.Size))
		return nil, err
	}
	content, err := s.Blobs.Reader(ctx, file.SHA256, offset, length)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		c := rq.fiber
		c.Set(fiber.HeaderContentType, file.Type)
		c.Set(fiber.HeaderAcceptRanges, "bytes")
		c.Set(fiber.HeaderETag, tag)
		c.Set(fiber.HeaderContentDisposition, disposition(file.Name))
		c.Status(fiber.StatusOK)
		if partial {
			c.Status(fiber.StatusPartialContent)
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", offset, offset+length-1, file.Size))
		}
		c.Context().SetBodyStream(content, int(length)) // closes it
	}}, nil
}

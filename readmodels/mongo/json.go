package mongo

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"zhiping/readmodels"
)

// Documents go through their JSON: the driver's own encoding would ignore MarshalJSON and cut times to milliseconds,
// so that the two stores would give back different documents.

// toBSON makes a BSON value of a document's JSON.
func toBSON(doc any) (any, error) {
	text, err := readmodels.EncodeDocument(doc)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := bsonValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: more than one JSON value", readmodels.ErrQuery)
	}
	return v, nil
}

func bsonValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return bsonArray(d)
		}
		return bsonDocument(d)
	case json.Number:
		return bsonNumber(string(t))
	default:
		return t, nil // string, bool, nil
	}
}

func bsonArray(d *json.Decoder) (any, error) {
	a := bson.A{}
	for d.More() {
		v, err := bsonValue(d)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := d.Token()
	return a, err
}

func bsonDocument(d *json.Decoder) (any, error) {
	doc := bson.D{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if strings.ContainsRune(name, 0) {
			return nil, fmt.Errorf("%w: a name with a zero byte", readmodels.ErrQuery)
		}
		v, err := bsonValue(d)
		if err != nil {
			return nil, err
		}
		doc = append(doc, bson.E{Key: escape(name), Value: v})
	}
	_, err := d.Token()
	return doc, err
}

func bsonNumber(n string) (any, error) {
	if !strings.ContainsAny(n, ".eE") {
		if i, err := strconv.ParseInt(n, 10, 64); err == nil {
			return i, nil
		}
		return primitive.ParseDecimal128(n) // an unsigned number beyond int64
	}
	return strconv.ParseFloat(n, 64)
}

// Names with dots or dollars are paths and operators to some servers, and some refuse empty names: these are written
// with a fullwidth percent sign.
var (
	escaper   = strings.NewReplacer("％", "％p", ".", "％d", "$", "％s")
	unescaper = strings.NewReplacer("％p", "％", "％d", ".", "％s", "$", "％e", "")
)

func escape(name string) string {
	if name == "" {
		return "％e"
	}
	return escaper.Replace(name)
}

// fromBSON writes a BSON value as the JSON that it was made of.
func fromBSON(v bson.RawValue) ([]byte, error) { return appendJSON(nil, v) }

func appendJSON(b []byte, v bson.RawValue) ([]byte, error) {
	switch v.Type {
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		return appendElements(b, v)
	case bson.TypeString:
		text, err := json.Marshal(v.StringValue())
		return append(b, text...), err
	case bson.TypeInt64:
		return strconv.AppendInt(b, v.Int64(), 10), nil
	case bson.TypeInt32:
		return strconv.AppendInt(b, int64(v.Int32()), 10), nil
	case bson.TypeDouble:
		text, err := json.Marshal(v.Double())
		return append(b, text...), err
	case bson.TypeDecimal128:
		return append(b, v.Decimal128().String()...), nil
	case bson.TypeBoolean:
		return strconv.AppendBool(b, v.Boolean()), nil
	case bson.TypeNull:
		return append(b, "null"...), nil
	}
	return nil, fmt.Errorf("a document holds BSON type %s, which was not written here", v.Type)
}

func appendElements(b []byte, v bson.RawValue) ([]byte, error) {
	open, end, raw := byte('{'), byte('}'), bson.Raw(v.Value)
	if v.Type == bson.TypeArray {
		open, end = '[', ']'
	}
	elements, err := raw.Elements()
	if err != nil {
		return nil, err
	}
	b = append(b, open)
	for i, e := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		if open == '{' {
			name := e.Key()
			if strings.Contains(name, "％") {
				name = unescaper.Replace(name)
			}
			text, err := json.Marshal(name)
			if err != nil {
				return nil, err
			}
			b = append(append(b, text...), ':')
		}
		if b, err = appendJSON(b, e.Value()); err != nil {
			return nil, err
		}
	}
	return append(b, end), nil
}

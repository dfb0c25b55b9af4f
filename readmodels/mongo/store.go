package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"zhiping/readmodels"
)

// Config says where the store is and how it is used.
type Config struct {
	// URI is a connection string, mongodb:// or mongodb+srv://; what it says of concerns and timeouts holds.
	URI string
	// Database is the database's name; every node of one installation names the same.
	Database string
	// ChunkSize is the number of writes in one command; 0 means 500.
	ChunkSize int
	// RetryFor is how long an operation is tried again while the deployment cannot be reached, unless its context
	// ends first; 0 means 10 s.
	RetryFor time.Duration
	// AttemptTimeout bounds a single try, so that a server that accepts and never answers counts as lost; 0 means 5 s.
	// A commit has as much again for each 500 documents, and the making of indexes 10 minutes.
	AttemptTimeout time.Duration
	// Now is the clock that leases are watched with; nil means time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.URI == "" {
		errs = append(errs, errors.New("no connection string"))
	}
	if c.Database == "" {
		errs = append(errs, errors.New("no database"))
	}
	if c.ChunkSize < 0 || c.RetryFor < 0 || c.AttemptTimeout < 0 {
		errs = append(errs, fmt.Errorf("chunk size %d, retry for %s, attempt timeout %s", c.ChunkSize, c.RetryFor, c.AttemptTimeout))
	}
	if c.ChunkSize == 0 {
		c.ChunkSize = 500
	}
	if c.RetryFor == 0 {
		c.RetryFor = 10 * time.Second
	}
	if c.AttemptTimeout == 0 {
		c.AttemptTimeout = 5 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, errors.Join(errs...)
}

// Store implements readmodels.Store. Safe for concurrent use; beside the driver's own it runs no goroutine.
type Store struct {
	cfg    Config
	client *mongo.Client
	db     *mongo.Database

	mu           sync.RWMutex
	closed       bool
	views        map[key]*view
	transactions *bool // nil until the server has said
	seen         map[string]sighting
}

type key struct {
	name    string
	version int
}

var _ readmodels.Store = (*Store)(nil)

// New makes a store. It answers without waiting for the server, which may come up later; a malformed connection
// string is an error.
func New(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("mongo read store: %w", err)
	}
	opts := options.Client().SetAppName("zhiping").SetWriteConcern(writeconcern.Majority()).
		SetServerSelectionTimeout(cfg.AttemptTimeout).ApplyURI(cfg.URI)
	client, err := mongo.Connect(context.Background(), opts)
	if err != nil {
		return nil, fmt.Errorf("mongo read store: %w", err)
	}
	return &Store{
		cfg: cfg, client: client, db: client.Database(cfg.Database),
		views: map[key]*view{}, seen: map[string]sighting{},
	}, nil
}

// Ping implements readmodels.Store: one try, since whoever asks wants to know about now.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.open(); err != nil {
		return err
	}
	attempt, cancel := context.WithTimeout(ctx, s.cfg.AttemptTimeout)
	defer cancel()
	if err := s.client.Ping(attempt, nil); err != nil {
		return fmt.Errorf("%w: %w", readmodels.ErrUnavailable, err)
	}
	return nil
}

// Close implements readmodels.Store. It waits for what is running, within ctx.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	if err := s.client.Disconnect(ctx); err != nil {
		return fmt.Errorf("close mongo read store: %w", err)
	}
	return nil
}

func (s *Store) open() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return fmt.Errorf("%w: the store is closed", readmodels.ErrUnavailable)
	}
	return nil
}

// hasTransactions asks the server what kind of deployment it is, once.
func (s *Store) hasTransactions(ctx context.Context) (bool, error) {
	s.mu.RLock()
	known := s.transactions
	s.mu.RUnlock()
	if known != nil {
		return *known, nil
	}
	var hello struct {
		SetName  string `bson:"setName"`
		Msg      string `bson:"msg"`
		Sessions *int   `bson:"logicalSessionTimeoutMinutes"`
	}
	err := s.db.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	if err != nil {
		return false, err
	}
	has := hello.Sessions != nil && (hello.SetName != "" || hello.Msg == "isdbgrid")
	s.mu.Lock()
	s.transactions = &has
	s.mu.Unlock()
	return has, nil
}

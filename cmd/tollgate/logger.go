package main

import (
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newSetup is a house's setup that logs to w, events and requests alike.
func newSetup(w io.Writer, level string) (setup, error) {
	log, at, err := newLogger(w, level)
	return setup{log: log, level: at, accessLog: w}, err
}

// newLogger writes JSON lines of the level and above; the level can be changed. Its time is RFC 3339 in
// UTC under "ts", as the access log's is, so that both merge by one key.
func newLogger(w io.Writer, level string) (*zap.Logger, zap.AtomicLevel, error) {
	at, err := zap.ParseAtomicLevel(level)
	if err != nil {
		return nil, at, fmt.Errorf("log.level: %w", err)
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.TimeKey = "ts"
	encoder.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(zapcore.AddSync(w)), at)
	return zap.New(core), at, nil
}

//go:build !linux

package listen

import "errors"

const canQuieten = false

func dropAll(uintptr) error { return errors.ErrUnsupported }

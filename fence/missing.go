package fence

import "errors"

// missing is what a constructor lacks on this machine: a program, a secret, a certificate. It may be there later, and on other
// machines. Every other error of a constructor is about the line, which then works nowhere; constructors look for those first.
type missing struct{ error }

// Unwrap gives what is missing.
func (m missing) Unwrap() error { return m.error }

// onThisMachine marks an error as one about this machine; nil stays nil.
func onThisMachine(err error) error {
	if err == nil {
		return nil
	}
	return missing{err}
}

// IsMissing reports whether a constructor's error is about this machine and not about the line.
func IsMissing(err error) bool {
	var m missing
	return errors.As(err, &m)
}

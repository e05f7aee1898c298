package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"reflect"
	"strings"
)

// pemFiles is what certificate files held when they were checked: what is used
// later is what was checked, and a renewed file is a change of the Config.
type pemFiles struct{ ca, cert, key []byte }

// Config returns what a client needs of TLS. It uses what Load has read.
func (t *ClientTLS) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.InsecureSkipVerify}
	return c, t.pem.into(c, t.CA, t.Cert, &c.RootCAs)
}

// Config returns what the HTTP face needs of TLS; nil where it has none. It
// uses what Load has read. With a ClientCA, a client without a certificate is
// turned away.
func (t *ServerTLS) Config() (*tls.Config, error) {
	if t.Cert == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if t.ClientCA != "" {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, t.pem.into(c, t.ClientCA, t.Cert, &c.ClientCAs)
}

// Roots are the certificates that sign those of the issuers; nil: those that
// the host trusts. It uses what Load has read.
func (o *OAuth) Roots() (*x509.CertPool, error) {
	var c tls.Config
	err := o.pem.into(&c, o.CA, "", &c.RootCAs)
	return c.RootCAs, err
}

// Equal tells whether both mean the same, their files included.
func (o *OAuth) Equal(other *OAuth) bool {
	return same(reflect.ValueOf(*o), reflect.ValueOf(*other))
}

// into fails closed: a file that is named, and was not read, is an error.
func (p *pemFiles) into(c *tls.Config, ca, cert string, pool **x509.CertPool) error {
	if ca != "" {
		*pool = x509.NewCertPool()
		if !(*pool).AppendCertsFromPEM(p.ca) {
			return errors.New(ca + " holds no PEM certificate, or was not loaded")
		}
	}
	if cert != "" {
		pair, err := tls.X509KeyPair(p.cert, p.key)
		if err != nil {
			return err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// certificates reads a file of PEM certificates.
func (k *check) certificates(key, file string) []byte {
	if file == "" {
		return nil
	}
	data, err := k.files.read(file, maxScript)
	if err != nil {
		k.failErr(key, fileError(err))
	} else if !x509.NewCertPool().AppendCertsFromPEM(data) {
		k.fail(key, file+" holds no PEM certificate", "")
	}
	return data
}

func (k *check) keyPair(certKey, cert, keyKey, key string) (certPEM, keyPEM []byte) {
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "":
		k.fail(keyKey, "there is no cert to this key", "")
		return nil, nil
	case key == "":
		k.fail(certKey, "there is no key to this cert", "")
		return nil, nil
	}
	certData, err := k.files.read(cert, maxScript)
	if err != nil {
		k.failErr(certKey, fileError(err))
	}
	keyData, keyErr := k.files.read(key, maxScript)
	if keyErr != nil {
		k.failErr(keyKey, fileError(keyErr))
	}
	if err == nil && keyErr == nil {
		if _, err := tls.X509KeyPair(certData, keyData); err != nil {
			k.fail(certKey, "not a certificate with its key: "+strings.TrimPrefix(err.Error(), "tls: "), "")
		}
	}
	return certData, keyData
}

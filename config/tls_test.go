package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tracecar/config"
)

// certificate makes a self-signed certificate and its key, in PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// A renewed certificate under the same name is a change.
func TestTLS(t *testing.T) {
	path := write(t, `
listen: 0.0.0.0:8421
otlp: {endpoint: "https://localhost:4317", tls: {ca: c.pem, cert: c.pem, key: k.pem}}
auth: {tls: {cert: c.pem, key: k.pem, client_ca: c.pem}}
`)
	dir := filepath.Dir(path)
	renew := func() {
		cert, key := certificate(t)
		put(t, filepath.Join(dir, "c.pem"), cert)
		put(t, filepath.Join(dir, "k.pem"), key)
	}
	renew()
	before := load(t, path, nil, nil)
	if before.Auth.TLS.Cert != filepath.Join(dir, "c.pem") {
		t.Errorf("cert %s", before.Auth.TLS.Cert)
	}
	if changes := config.Diff(before, load(t, path, nil, nil)); !changes.Empty() {
		t.Errorf("%+v", changes)
	}
	if server, err := before.Auth.TLS.Config(); err != nil || len(server.Certificates) != 1 || server.ClientCAs == nil || server.ClientAuth != tls.RequireAndVerifyClientCert {
		t.Errorf("%+v %v", server, err)
	}
	if client, err := before.OTLP.TLS.Config(); err != nil || len(client.Certificates) != 1 || client.RootCAs == nil {
		t.Errorf("%+v %v", client, err)
	}
	unread := config.ClientTLS{CA: "c.pem"}
	if _, err := unread.Config(); err == nil {
		t.Error("a CA that was never read is taken for none")
	}
	renew()
	want := config.Changes{Sections: []string{"auth", "otlp"}, Restart: []string{"otlp.tls"}}
	if diff := cmp.Diff(want, config.Diff(before, load(t, path, nil, nil))); diff != "" {
		t.Error(diff)
	}
	_, other := certificate(t)
	put(t, filepath.Join(dir, "k.pem"), other)
	if _, err := config.Load(path, nil, nil); err == nil || strings.Count(err.Error(), "private key does not match public key") != 2 {
		t.Errorf("%v", err)
	}
}

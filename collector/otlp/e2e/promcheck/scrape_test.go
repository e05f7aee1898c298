package promcheck

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// scrape reads a page as Prometheus does: the sample of each series.
func scrape(url, accept string) (map[string]float64, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	kind := resp.Header.Get("Content-Type")
	if want, _, _ := strings.Cut(accept, ";"); !strings.HasPrefix(kind, want) {
		return nil, fmt.Errorf("%s for %s: %.200s", kind, accept, page)
	}
	p, err := textparse.New(page, kind, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, page)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		p.Labels(&l)
		_, _, v := p.Series()
		if _, twice := out[l.String()]; twice {
			return nil, fmt.Errorf("%s stands there twice", l)
		}
		out[l.String()] = v
	}
}

func missing(series string, samples map[string]float64) error {
	return fmt.Errorf("%s is not there, or is not what it should be, among:\n%s", series, strings.Join(slices.Sorted(maps.Keys(samples)), "\n"))
}

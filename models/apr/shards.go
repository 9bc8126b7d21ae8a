package apr

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"soberano/models"
)

// A model may be stored in several files, the shards, each a complete file with the flag of sharding and with sharding.shard_count and
// sharding.shard_index (from 0) in its metadata. The first has all keys. A manifest beside them says which shard has which tensor:
//
//	name-00001-of-00003.apr … name-00003-of-00003.apr   name.apr.index.json

// ManifestSuffix is the end of the name of a manifest.
const ManifestSuffix = ".apr.index.json"

// Limits of a sharded model.
const (
	maxShards   = 1024
	maxManifest = 64 << 20
)

// manifest is the file that lists the shards. Source: ShardManifest of the crate apr-format.
type manifest struct {
	Version string         `json:"version"`
	Count   int            `json:"shard_count"`
	Size    uint64         `json:"total_size"`
	Tensors int            `json:"tensor_count"`
	Shards  []shardInfo    `json:"shards"`
	Where   map[string]int `json:"weight_map"`
}

type shardInfo struct {
	File    string   `json:"filename"`
	Index   int      `json:"index"`
	Size    uint64   `json:"size"`
	Tensors []string `json:"tensors"`
}

// Shard is a file of a sharded model, to be written.
type Shard struct {
	Name   string // of the file
	layout *layout
}

// Write writes the file.
func (s Shard) Write(w io.Writer) error { return s.layout.write(w) }

// Shards divides a model into files, which are not compressed, of at most most bytes of weights each, though at least one tensor, and returns them with their manifest. base is the name of the
// model without an extension.
func Shards(base string, meta models.Metadata, tensors []models.Source, lists map[string][]byte, most uint64, o Options) ([]Shard, []byte, error) {
	if o.Compression != Plain {
		return nil, nil, errors.New("apr: shards can't be compressed")
	}
	all, err := entries(tensors, lists)
	if err != nil {
		return nil, nil, err
	}
	var groups [][]entry
	size := uint64(0)
	for _, x := range all {
		if n := padded(x.size); len(groups) == 0 || size+n > most {
			groups, size = append(groups, nil), 0
		}
		size += padded(x.size)
		groups[len(groups)-1] = append(groups[len(groups)-1], x)
	}
	if len(groups) > maxShards {
		return nil, nil, fmt.Errorf("apr: %d shards are more than the %d allowed", len(groups), maxShards)
	}
	total := uint64(0)
	for _, x := range all {
		total += x.size
	}
	m := manifest{Version: "2.0", Count: len(groups), Size: total, Tensors: len(all), Where: map[string]int{}}
	var shards []Shard
	for i, g := range groups {
		s, err := newShard(base, meta, lists, g, i, len(groups), total, o)
		if err != nil {
			return nil, nil, err
		}
		info := shardInfo{File: s.Name, Index: i, Size: s.layout.size()}
		for _, x := range g {
			info.Tensors, m.Where[x.name] = append(info.Tensors, x.name), i
		}
		shards, m.Shards = append(shards, s), append(m.Shards, info)
	}
	b, err := json.MarshalIndent(m, "", " ")
	return shards, append(b, '\n'), err
}

func newShard(base string, meta models.Metadata, lists map[string][]byte, g []entry, index, count int, total uint64, o Options) (Shard, error) {
	own := models.Metadata{}
	for key, v := range meta {
		if !strings.HasPrefix(key, "sharding.") && (index == 0 || key == "model_type") {
			own[key] = v
		}
	}
	own["sharding.shard_count"], own["sharding.shard_index"], own["sharding.total_size"] = count, index, total
	own["sharding.pattern"] = base + "-{index:05}-of-{count:05}.apr"
	var tensors []models.Source
	parts := map[string][]byte{}
	for _, x := range g {
		if x.dtype == u8 {
			parts[x.name] = lists[x.name]
		} else {
			tensors = append(tensors, x.source)
		}
	}
	l, err := newLayout(own, tensors, parts, o)
	return Shard{fmt.Sprintf("%s-%05d-of-%05d.apr", base, index+1, count), l}, err
}

var shardName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.apr$`)

// shardPaths returns the paths of all count files of the model to which the shard at path belongs. Their names follow from its own.
func shardPaths(path string, count int) ([]string, error) {
	m := shardName.FindStringSubmatch(filepath.Base(path))
	advice := fmt.Sprintf("give its %d files their names back, as in name-00001-of-%05d.apr, in one folder, or open its %s", count, count, ManifestSuffix)
	if m == nil {
		return nil, &models.FileError{Path: path, Reason: fmt.Sprintf("is one of %d files of a model, but its name does not say which", count), Advice: advice, Kind: models.ErrCorrupt}
	}
	if of, err := strconv.Atoi(m[3]); err != nil || of != count {
		return nil, &models.FileError{Path: path, Reason: fmt.Sprintf("says inside that the model has %d files, its name says something else", count), Advice: advice, Kind: models.ErrCorrupt}
	}
	paths := make([]string, count)
	for i := range paths {
		paths[i] = filepath.Join(filepath.Dir(path), fmt.Sprintf("%s-%05d-of-%05d.apr", m[1], i+1, count))
	}
	return paths, nil
}

// FirstShard returns the path of the first file of the model whose manifest is at path. ok is false if path is not that of a manifest that can be read, or if
// the file is missing or has a name that does not lead to the others.
func FirstShard(path string) (first string, ok bool) {
	if !strings.HasSuffix(filepath.Base(path), ManifestSuffix) {
		return "", false
	}
	_, paths, err := readManifest(path)
	if err != nil || !shardName.MatchString(filepath.Base(paths[0])) {
		return "", false
	}
	_, err = os.Stat(paths[0])
	return paths[0], err == nil
}

// readManifest returns a manifest and the paths of its shards.
func readManifest(path string) (*manifest, []string, error) {
	b, err := models.ReadSmall(path, maxManifest)
	if err != nil {
		return nil, nil, err
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, nil, models.Corrupt(path, "is damaged: %v", err)
	}
	if m.Count != len(m.Shards) || m.Count == 0 || m.Count > maxShards {
		return nil, nil, models.Corrupt(path, "is damaged: it lists %d shards and says %d", len(m.Shards), m.Count)
	}
	paths := make([]string, m.Count)
	for i, s := range m.Shards {
		if s.Index != i || s.File == "." || filepath.Base(s.File) != s.File || !filepath.IsLocal(s.File) || strings.ContainsAny(s.File, `/\:`) {
			return nil, nil, models.Corrupt(path, "is damaged: shard %d is %s with index %d", i, models.Quote(s.File), s.Index)
		}
		paths[i] = filepath.Join(filepath.Dir(path), s.File)
	}
	return &m, paths, nil
}

// check compares the manifest with the tensors of the opened shards, by the index of the shard.
func (m *manifest) check(path string, where map[string]int) error {
	if m.Tensors != len(where) || len(m.Where) != len(where) {
		return models.Corrupt(path, "is damaged: it lists %d tensors and says %d; the shards have %d", len(m.Where), m.Tensors, len(where))
	}
	for name, i := range m.Where {
		if at, ok := where[name]; !ok || at != i {
			return models.Corrupt(path, "is damaged: tensor %s is not in shard %d", models.Quote(name), i+1)
		}
	}
	return nil
}

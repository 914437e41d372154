// Renders a chart as `helm template` does, for machines that helm cannot be brought to: with Go's own text/template, Sprig, and the
// schema library of Helm 3, from Debian's packages. Only what this repository's chart uses of Helm is here. It is stricter than
// Helm in one thing: a value that is not in values.yaml fails.
//
//	render CHART [VALUES]...     values files, the last one first in rank; prints a JSON array of the objects
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/xeipuuv/gojsonschema"
	"sigs.k8s.io/yaml"
)

type object = map[string]interface{}

// files is what a chart sees of its own folder.
type files struct{ folder string }

func (f files) Get(name string) (string, error) {
	content, err := os.ReadFile(filepath.Join(f.folder, name))
	return string(content), err
}

func main() {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: render CHART [VALUES]...")
		os.Exit(2)
	}

	objects, err := render(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	json.NewEncoder(os.Stdout).Encode(objects)
}

func render(chart string, overlays []string) ([]interface{}, error) {
	about, values := object{}, object{}
	if err := read(filepath.Join(chart, "Chart.yaml"), &about); err != nil {
		return nil, err
	}

	if err := read(filepath.Join(chart, "values.yaml"), &values); err != nil {
		return nil, err
	}

	for _, path := range overlays {
		overlay := object{}
		if err := read(path, &overlay); err != nil {
			return nil, err
		}

		merge(values, overlay)
	}

	if err := validate(filepath.Join(chart, "values.schema.json"), values); err != nil {
		return nil, err
	}

	t := template.New("chart").Option("missingkey=error").Funcs(sprig.TxtFuncMap())
	t.Funcs(template.FuncMap{
		"include": func(name string, data interface{}) (string, error) {
			var text strings.Builder
			err := t.ExecuteTemplate(&text, name, data)
			return text.String(), err
		},
		"required": func(warning string, value interface{}) (interface{}, error) {
			if value == nil || value == "" {
				return nil, errors.New(warning)
			}

			return value, nil
		},
		"toYaml": func(value interface{}) (string, error) {
			text, err := yaml.Marshal(value)
			return strings.TrimSuffix(string(text), "\n"), err
		},
	})
	paths, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	if err != nil {
		return nil, err
	}

	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}

		if _, err := t.New(filepath.Base(path)).Parse(string(text)); err != nil {
			return nil, err
		}
	}

	data := object{
		"Values":  values,
		"Chart":   object{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
		"Release": object{"Name": "calls", "Namespace": "dialling", "Service": "Helm"},
		"Files":   files{chart},
	}
	separator := regexp.MustCompile(`(?m)^---$`)
	all := []interface{}{}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "_") {
			continue
		}

		var text bytes.Buffer
		if err := t.ExecuteTemplate(&text, name, data); err != nil {
			return nil, err
		}

		if name == "NOTES.txt" {
			continue
		}

		for _, document := range separator.Split(text.String(), -1) {
			var one interface{}
			if err := yaml.UnmarshalStrict([]byte(document), &one); err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", name, err, document)
			}

			if one != nil {
				all = append(all, one)
			}
		}
	}

	return all, nil
}

func read(path string, into *object) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}

	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	return nil
}

// merge lays values over others: maps by their keys, everything else as a whole.
func merge(under, over object) {
	for key, value := range over {
		below, isMap := under[key].(object)
		if above, both := value.(object); isMap && both {
			merge(below, above)
		} else {
			under[key] = value
		}
	}
}

func validate(schema string, values object) error {
	text, err := os.ReadFile(schema)
	if err != nil {
		return err
	}

	result, err := gojsonschema.Validate(gojsonschema.NewBytesLoader(text), gojsonschema.NewGoLoader(values))
	if err != nil {
		return err
	}

	faults := []string{}
	for _, fault := range result.Errors() {
		faults = append(faults, fault.String())
	}

	if len(faults) > 0 {
		return errors.New("values.schema.json: " + strings.Join(faults, "; "))
	}

	return nil
}

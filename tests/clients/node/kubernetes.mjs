// Compares Kubernetes objects with the schemas of their kinds: a JSON array on standard input, a line for each fault on standard
// output. Beside what the schemas say (types, required fields, formats), a field that a kind does not have is a fault.
import * as apps from "kubernetes-models/apps/v1";
import * as autoscaling from "kubernetes-models/autoscaling/v2";
import * as batch from "kubernetes-models/batch/v1";
import * as core from "kubernetes-models/v1";
import * as networking from "kubernetes-models/networking.k8s.io/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as monitoring from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const groups = {
  "apps/v1": apps,
  "autoscaling/v2": autoscaling,
  "batch/v1": batch,
  v1: core,
  "networking.k8s.io/v1": networking,
  "policy/v1": policy,
  "monitoring.coreos.com/v1": monitoring,
};

let text = "";
for await (const chunk of process.stdin) text += chunk;
for (const object of JSON.parse(text)) {
  const name = `${object.apiVersion} ${object.kind} ${object.metadata?.name}`;
  const kind = groups[object.apiVersion]?.[object.kind];
  if (!kind) {
    console.log(`${name}: there is no such kind`);
    continue;
  }

  const unread = new Set();
  try {
    // A schema reads each field that it has; what nobody reads is not in it.
    kind.prototype.validate.call(watch(object, "", unread));
  } catch (error) {
    console.log(`${name}: ${error.message}`);
    continue;
  }

  for (const path of unread) if (![...unread].some((other) => path.startsWith(`${other}/`))) console.log(`${name}: ${path} is no field`);
}

// Wraps a value so that the paths of its fields leave a set when they are read.
function watch(value, path, unread) {
  if (typeof value !== "object" || value === null) return value;
  const copy = Array.isArray(value) ? [] : {};
  for (const key of Object.keys(value)) {
    const inner = `${path}/${key}`;
    copy[key] = watch(value[key], inner, unread);
    unread.add(inner);
  }

  return new Proxy(copy, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return target[key];
    },
  });
}

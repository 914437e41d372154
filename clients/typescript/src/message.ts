import { create, type DescField, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";

/**
 * Creates a message, as create() does. Throws a TypeError on a property that is not a field: a misspelt `automated` would otherwise be
 * left out, and the answer would be about another call.
 */
export function createStrict<D extends DescMessage>(schema: D, init: MessageInitShape<D>): MessageShape<D> {
  check(schema, init);
  return create(schema, init);
}

function check(schema: DescMessage, init: unknown): void {
  // Messages, dates and bytes have no misspelt properties.
  if (typeof init !== "object" || init === null || Object.getPrototypeOf(init) !== Object.prototype) {
    return;
  }
  for (const [name, value] of Object.entries(init)) {
    const member = schema.members.find((one) => one.localName === name);
    if (member?.kind === "oneof") {
      const chosen = value as { case?: string; value?: unknown } | undefined;
      const field = member.fields.find((one) => one.localName === chosen?.case);
      if (chosen?.case !== undefined && field === undefined) {
        throw new TypeError(`'${chosen.case}' is not a field of ${schema.typeName}.`);
      }
      if (field !== undefined) {
        checkField(field, chosen?.value);
      }
    } else if (member !== undefined) {
      checkField(member, value);
    } else if (!name.startsWith("$")) {
      throw new TypeError(`'${name}' is not a field of ${schema.typeName}.`);
    }
  }
}

function checkField(field: DescField, value: unknown): void {
  if (field.message !== undefined) {
    for (const item of Array.isArray(value) ? value : [value]) {
      check(field.message, item);
    }
  }
}

"use strict";

// Shows the OpenAPI document. Text from it is only ever set as text, never as HTML.

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const typeOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  const choices = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (choices) return choices.map(typeOf).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const types = [schema.type ?? "any"].flat();
  return types.map((type) => (type === "array" ? `${typeOf(schema.items)}[]` : type)).join(" | ");
};

const table = (heads, rows) =>
  element("table", {},
    element("tr", {}, ...heads.map((head) => element("th", { textContent: head }))),
    ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, ...[cell ?? ""].flat())))));

const code = (text) => element("code", { textContent: text });

// A text in which code stands between backticks.
const prose = (text) => (text ?? "").split("`").map((part, at) => (at % 2 ? code(part) : part));

const contentOf = (holder) => Object.entries(holder?.content ?? {});

const schemaView = (schema, all) => {
  const name = schema?.$ref?.split("/").pop();
  const known = name ? all[name] : schema;
  const fields = Object.entries(known?.properties ?? {});
  if (fields.length === 0) return element("pre", { textContent: JSON.stringify(known ?? {}, null, 2) });
  const required = new Set(known.required ?? []);
  return table(["Field", "Type", ""], fields.map(([field, of]) =>
    [code(field + (required.has(field) ? " *" : "")), code(typeOf(of)), prose(of.description)]));
};

const operationView = (path, method, operation, { schemas: all, responses }) => {
  const body = [element("p", {}, ...prose(operation.description))];
  if (operation.parameters?.length) {
    body.push(table(["Parameter", "In", "Type", ""], operation.parameters.map((parameter) =>
      [code(parameter.name), parameter.in, code(typeOf(parameter.schema)), prose(parameter.description)])));
  }
  for (const [kind, { schema }] of contentOf(operation.requestBody)) {
    body.push(element("p", {}, "Body: ", code(`${kind} ${typeOf(schema)}`)), schemaView(schema, all));
  }
  for (const [status, given] of Object.entries(operation.responses ?? {})) {
    const response = given.$ref ? responses[given.$ref.split("/").pop()] : given;
    body.push(element("p", {}, code(status), " ", ...prose(response.description)));
    for (const [kind, { schema }] of contentOf(response)) {
      body.push(element("details", {}, element("summary", {}, code(`${kind} ${typeOf(schema)}`)), schemaView(schema, all)));
    }
  }
  const view = element("details", {},
    element("summary", {},
      element("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
      code(path), " ", element("span", { className: "summary" }, ...prose(operation.summary))),
    ...body);
  view.dataset.words = `${method} ${path} ${operation.summary} ${operation.description}`.toLowerCase();
  return view;
};

const show = (api) => {
  document.getElementById("about").replaceChildren(...prose(`${api.info.version}. ${api.info.description}`));
  const operations = document.getElementById("operations");
  operations.textContent = "";
  const views = [];
  for (const tag of api.tags) {
    const section = element("section", {},
      element("h2", { textContent: tag.name }), element("p", {}, ...prose(tag.description)));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (!operation.tags?.includes(tag.name)) continue;
        const view = operationView(path, method, operation, api.components);
        views.push(view);
        section.append(view);
      }
    }
    if (section.querySelector("details")) operations.append(section);
  }
  // What the types above name.
  const types = element("section", {}, element("h2", { textContent: "types" }));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    const view = element("details", {}, element("summary", {}, code(name)),
      element("p", {}, ...prose(schema.description)), schemaView(schema, api.components.schemas));
    view.dataset.words = `type ${name} ${schema.description}`.toLowerCase();
    views.push(view);
    types.append(view);
  }
  operations.append(types);
  document.getElementById("find").addEventListener("input", ({ target }) => {
    const words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const view of views) view.hidden = !words.every((word) => view.dataset.words.includes(word));
  });
};

fetch("/api-docs/openapi.json").then((answer) => answer.json()).then(show, (error) => {
  document.getElementById("operations").textContent = `The document cannot be read: ${error}`;
});

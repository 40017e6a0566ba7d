import Ajv from 'ajv';

type Schema = Record<string, unknown>;

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

/** The part of an OpenAPI document that answers are held against. */
export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const JSON_TYPE = 'application/json';
const REFERENCE = '#/components/schemas/';

/** An API as its document tells it. What the document does not name counts as wrong. */
export class ApiDocument {
  private readonly ajv = new Ajv({ nullable: true, allErrors: true, unknownFormats: ['binary', 'password'] });

  constructor(private readonly document: OpenApi) {}

  /** Every action with its method and the statuses that it may answer with. */
  get actions(): { action: string; method: string; statuses: number[] }[] {
    return Object.entries(this.document.paths).map(([path, methods]) => {
      const [[method, { responses }] = ['', { responses: {} }]] = Object.entries(methods);
      return { action: path.slice(1), method, statuses: Object.keys(responses).map(Number) };
    });
  }

  /** Whether an answer is documented that says everything by its status. */
  isBare(action: string, status: number): boolean {
    const response = this.response(action, status);
    return response !== undefined && !response.content;
  }

  private response(action: string, status: number) {
    return Object.values(this.document.paths[`/${action}`] ?? {})[0]?.responses[status];
  }

  /** What is not as documented about an answer; empty where all is. */
  faults(action: string, status: number, body: unknown): string[] {
    const response = this.response(action, status);
    if (!response) return [`the status ${status} is not documented`];
    const { content } = response;
    if (!content) return JSON.stringify(body ?? {}) === '{}' ? [] : ['it has a body'];
    const schema = content[JSON_TYPE]?.schema;
    // A file.
    if (!schema) return [];
    const validate = this.ajv.compile(this.closed(schema) as object);
    if (validate(body)) return [];
    return (validate.errors ?? []).map(
      ({ dataPath, message, params, schemaPath }) =>
        `${dataPath || 'it'} ${message} ${JSON.stringify(params)} (${schemaPath})`,
    );
  }

  /** References resolved, and every object closed to fields that it does not name. */
  private closed(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((item) => this.closed(item));
    if (typeof schema !== 'object' || schema === null) return schema;
    const given = schema as Schema;
    if (typeof given.$ref === 'string') {
      const found = this.document.components.schemas[given.$ref.replace(REFERENCE, '')];
      if (!found) throw new Error(`no ${given.$ref}`);
      return this.closed(found);
    }
    if (Array.isArray(given.allOf)) {
      const parts = given.allOf.map((part) => this.closed(part)) as { properties: object; required?: string[] }[];
      const properties = Object.assign({}, ...parts.map((part) => part.properties)) as object;
      return this.closed({ type: 'object', properties, required: parts.flatMap(({ required = [] }) => required) });
    }
    const inner = Object.fromEntries(
      Object.entries(given).map(([key, value]) => [key, key === 'enum' ? value : this.closed(value)]),
    );
    return inner.properties && !('additionalProperties' in inner) ? { ...inner, additionalProperties: false } : inner;
  }
}

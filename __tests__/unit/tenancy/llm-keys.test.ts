import type { Application } from '@nocobase/server';
import { confineLlmKeys } from '../../../server/nocobase/llm-keys';

type ProviderClass = new (options: object) => {
  chatModel?: Record<string, unknown>;
  createModel?(): unknown;
  listModels(): unknown;
};

const KEYS = [
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'GOOGLE_API_KEY',
  'MISTRAL_API_KEY',
].concat(['XAI_API_KEY', 'DEEPSEEK_API_KEY', 'GIGACHAT_CREDENTIALS']);
const HOST_KEY = 'key-of-the-host';

/** The modules of the AI plugin that hold a provider; the names of their classes. */
const MODULES: [string, string][] = [
  ['openai/responses', 'OpenAIResponsesProvider'],
  ['openai/completions', 'OpenAICompletionsProvider'],
  ['anthropic', 'AnthropicProvider'],
  ['google-genai', 'GoogleGenAIProvider'],
  ['mistral', 'MistralProvider'],
  ['xai', 'XAIProvider'],
  ['deepseek/provider', 'DeepSeekProvider'],
  ['dashscope', 'DashscopeProvider'],
  ['kimi/provider', 'KimiProvider'],
  ['mimo', 'MiMoProvider'],
  ['orcarouter', 'OrcaRouterProvider'],
  ['shengsuanyun', 'ShengSuanYunProvider'],
  ['ollama', 'OllamaProvider'],
];

const compiled = (file: string, name: string): ProviderClass => {
  const path = `@nocobase/plugin-ai/dist/server/llm-providers/${file}.js`;
  const found = jest.requireActual<Record<string, ProviderClass | undefined>>(path)[name];
  if (!found) throw new Error(`no class ${name} in ${file}`);
  return found;
};

function confined(name: string, provider: ProviderClass): ProviderClass {
  const shared = { title: 'T', provider };
  const llmProviders = new Map([[name, shared]]);
  const app = { pm: { get: () => ({ aiManager: { llmProviders } }) } } as unknown as Application;
  const confine = () =>
    confineLlmKeys(app, (refused) => {
      throw new Error(`refused ${refused}`);
    });
  confine();
  const once = llmProviders.get(name);
  confine();
  expect(llmProviders.get(name)).toBe(once);
  expect(once?.title).toBe('T');
  // The entry is one for all applications.
  expect(shared.provider).toBe(provider);
  if (!once) throw new Error('the provider is gone');
  return once.provider;
}

/** All texts in a model. */
function textsOf(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  return Object.values(value).flatMap((part) => textsOf(part, seen));
}

describe('keys of language models in an application', () => {
  const before = { ...process.env };
  beforeEach(() => {
    for (const key of KEYS) process.env[key] = HOST_KEY;
  });
  afterEach(() => {
    for (const key of KEYS) {
      if (before[key] === undefined) Reflect.deleteProperty(process.env, key);
      else process.env[key] = before[key];
    }
  });

  const app = { environment: { renderJsonTemplate: (value: unknown) => ({ ...(value as object) }) } };
  const model = (Provider: ProviderClass, service: object, settings: object = {}) =>
    new Provider({
      app,
      serviceOptions: { baseURL: 'http://127.0.0.1:9/v1', ...service },
      modelOptions: { model: 'm', ...settings },
    }).chatModel;

  it.each(MODULES)('a service without a key gets none of the process: %s', (file, name) => {
    const Provider = confined(file, compiled(file, name));
    for (const service of [{}, { apiKey: '' }, { apiKey: ' ' }, { apiKey: null }, { apiKey: 7 }]) {
      const built = model(Provider, service);
      expect(built).toBeDefined();
      expect(textsOf(built)).not.toContain(HOST_KEY);
    }
  });

  it.each(MODULES)('the settings of a model do not set its key aside: %s', (file, name) => {
    const Provider = confined(file, compiled(file, name));
    const settings = {
      apiKey: null,
      clientOptions: { apiKey: null },
      configuration: { apiKey: null },
      temperature: 0.5,
    };
    const texts = textsOf(model(Provider, { apiKey: 'key-of-the-service' }, settings));
    expect(texts).not.toContain(HOST_KEY);
    if (file !== 'ollama') expect(texts.join(' ')).toContain('key-of-the-service');
  });

  it("Anthropic's second key is not that of the process when its client is created", () => {
    const Provider = confined('anthropic', compiled('anthropic', 'AnthropicProvider'));
    const built = model(Provider, { apiKey: 'key-of-the-service' });
    const createClient = built?.createClient as (options: object) => { authToken: unknown };
    expect(createClient({ ...(built?.clientOptions as object), apiKey: 'k' }).authToken).toBeNull();
  });

  it('a provider whose library reads all settings of the process is refused if there is a secret', () => {
    class Gigachat {
      chatModel = {};
      createModel() {
        return this.chatModel;
      }
      listModels() {
        return 'models';
      }
    }
    const Provider = confined('gigachat', Gigachat);
    expect(() => new Provider({}).listModels()).toThrow('refused gigachat');
    expect(() => new Provider({}).createModel?.()).toThrow('refused gigachat');
    Reflect.deleteProperty(process.env, 'GIGACHAT_CREDENTIALS');
    expect(new Provider({}).listModels()).toBe('models');
  });

  it('an application without the AI plugin stays as it is', () => {
    const without = { pm: { get: () => undefined } } as unknown as Application;
    expect(() =>
      confineLlmKeys(without, () => {
        throw new Error('refused');
      }),
    ).not.toThrow();
  });
});

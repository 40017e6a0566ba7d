import type { Application } from '@nocobase/server';

/**
 * The libraries of language models take a key from the environment of the process if a service has none, and send it to
 * the address of the service. Both a service and the settings of a model come from rows of the application.
 */

type Row = Record<string, unknown>;

/** Sent in the place of a missing key: a service that needs none takes it, others refuse it. */
const NO_KEY = 'none';

/** Settings of a model by which it would get another key or other settings of its client. */
const CREDENTIALS = /api_?key$|^(accessToken|authToken|credentials|user|password|configuration|clientOptions)$/i;

/** Providers whose library takes each of its settings from the environment. Their key alone does not keep it away. */
const SECRETS_OF_PROCESS: Readonly<Record<string, readonly string[]>> = {
  gigachat: ['GIGACHAT_CREDENTIALS', 'GIGACHAT_ACCESS_TOKEN', 'GIGACHAT_USER', 'GIGACHAT_PASSWORD'],
};

interface Provider {
  serviceOptions?: Row;
  modelOptions?: Row;
  createModel(): unknown;
  listModels(): unknown;
}

type ProviderClass = new (options: Row) => Provider;

interface ProviderEntry {
  provider?: ProviderClass;
}

interface AiPlugin {
  aiManager?: { llmProviders?: Map<string, ProviderEntry> };
}

const withoutCredentials = (options: Row): Row =>
  Object.fromEntries(Object.entries(options).filter(([key]) => !CREDENTIALS.test(key)));

/** A key that is no text, or an empty one, would be replaced by that of the process. */
function withKey(options: Row | undefined): Row {
  const key = options?.apiKey;
  return { ...options, apiKey: typeof key === 'string' && key.trim() !== '' ? key : NO_KEY };
}

/** Anthropic's client takes a second key from the environment, when it is first used. */
function withoutSecondKey(model: unknown): unknown {
  if (typeof model !== 'object' || model === null || !('clientOptions' in model)) return model;
  return Object.assign(model, { clientOptions: { ...(model.clientOptions as Row | undefined), authToken: null } });
}

const confined = new WeakSet<ProviderClass>();

function confinedProvider(base: ProviderClass, assertUsable: () => void): ProviderClass {
  const kept = class extends base {
    override createModel(): unknown {
      assertUsable();
      this.serviceOptions = withKey(this.serviceOptions);
      this.modelOptions = withoutCredentials(this.modelOptions ?? {});
      return withoutSecondKey(super.createModel());
    }

    override listModels(): unknown {
      assertUsable();
      return super.listModels();
    }
  };
  confined.add(kept);
  return kept;
}

/**
 * Keeps the keys of the process from the language models of one instance.
 * @param refuse throws; called where a provider cannot be kept from them
 */
export function confineLlmKeys(app: Application, refuse: (provider: string) => never): void {
  const plugin = app.pm.get('ai') as unknown as AiPlugin | undefined;
  const providers = plugin?.aiManager?.llmProviders;
  if (!(providers instanceof Map)) return;
  for (const [name, entry] of providers) {
    const base = entry.provider;
    if (typeof base !== 'function' || confined.has(base)) continue;
    const assertUsable = () => {
      if (SECRETS_OF_PROCESS[name]?.some((variable) => process.env[variable])) refuse(name);
    };
    // The entries are shared by all applications.
    providers.set(name, { ...entry, provider: confinedProvider(base, assertUsable) });
  }
}

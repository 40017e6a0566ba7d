import '../../helpers/in-process-environment';
import type { Application } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';

const LANGUAGE = 'zh-CN';
/** It brings texts in Chinese. */
const PLUGIN = 'error-handler';

type Texts = Record<string, Record<string, string>>;

describeWithPostgres('the texts that plugins bring along', () => {
  let app: InProcessApp;
  const environment = process.env.APP_ENV;

  beforeAll(async () => {
    process.env.APP_ENV = 'production';
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
  });

  afterAll(async () => {
    await app?.end();
    if (environment === undefined) delete process.env.APP_ENV;
    else process.env.APP_ENV = environment;
  });

  async function start(name: string): Promise<Application> {
    await app.create({ name: app.name(name), options: { plugins: [PLUGIN] } });
    return app.supervisor.getApp(app.name(name));
  }

  const textsOf = async ({ localeManager }: Application) => (await localeManager.getCacheResources(LANGUAGE)) as Texts;

  it('are the same objects in all applications, which no application can change', async () => {
    const [one, other] = [await start('one'), await start('other')];
    const [ofOne, ofOther] = [await textsOf(one), await textsOf(other)];
    const shared = ofOne[PLUGIN] ?? {};
    expect(Object.keys(shared)).not.toEqual([]);
    expect(ofOther[PLUGIN]).toBe(shared);
    expect(Object.isFrozen(shared)).toBe(true);
    expect(await textsOf(one)).toBe(ofOne);
  });

  it('give way to the texts of an application in that application only', async () => {
    const [own, neighbour] = [await start('own'), await start('neighbour')];
    const [key = ''] = Object.keys((await textsOf(own))[PLUGIN] ?? {});
    const before = (await textsOf(neighbour))[PLUGIN]?.[key];
    own.localeManager.registerResourceStorer('test', {
      getResources: () => Promise.resolve({ [`resources.${PLUGIN}`]: { [key]: 'changed' } }),
      reset: () => Promise.resolve(),
    });
    await own.localeManager.reset();
    expect((await textsOf(own))[PLUGIN]?.[key]).toBe('changed');
    expect(own.i18n.t(key, { ns: PLUGIN, lng: LANGUAGE })).toBe('changed');
    await neighbour.localeManager.reset();
    expect((await textsOf(neighbour))[PLUGIN]?.[key]).toBe(before);
    expect(neighbour.i18n.t(key, { ns: PLUGIN, lng: LANGUAGE })).toBe(before);
  });
});

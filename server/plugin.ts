import { AppSupervisor, isTransient, Plugin } from '@nocobase/server';
import { AppError } from '../src/errors';
import { version } from '../package.json';
import { activeLocalAdapter, LOCAL_ADAPTER, registerLocalAdapter } from './adapters/local';
import type { AppService } from './app-service';
import { runAppCommand } from './commands/app-command';
import { rememberEnabled } from './enabled-mark';
import { boundVariablePattern } from './nocobase/json-templates';
import { confineCaches } from './nocobase/cache';
import { limitBodyQueries } from './limits/body-query';
import { limitFilters } from './limits/filter-limit';
import { limitTemplates, resolveInGroups } from './limits/template-limit';
import { limitOauth } from './nocobase/oauth-states';
import { boundFilters } from './nocobase/filters';
import { boundVisitorMaps } from './nocobase/visitor-maps';
import { boundSchemas } from './nocobase/ui-schemas';
import { boundSnippets } from './nocobase/snippets';
import { endCircles } from './nocobase/workflow-graph';
import { answerErrors, answerOuterErrors } from './error-answers';
import { noteUsedHosts } from './used-hosts';
import { limitPortals } from './app-portals';
import { limitRestoreCommand, limitRestores } from './main-restore';
import { Registrar } from './registrar';
import { bindCollection } from './registration';
import { defineApplications } from './resources/applications';
import { defineArchives } from './resources/archives';
import { defineObservation } from './resources/observation';
import { closeGeneralActions, offerPermission, requirePermission } from './resources/permission';
import { defineSupervisor, refuseApplications } from './resources/supervisor';
import { admitOperators, CommandDoor } from './routing/command-door';
import { closeDoors, joinSelectors, openDoors, welcomeAnew } from './routing/doors';

const PEER = 'multi-app-manager';
/** `nocobase app …` */
const COMMAND = 'app';

/** Wires the parts together, and nothing else. */
export class PluginAppSupervisor extends Plugin {
  private obstacle?: AppError;

  /** Also in the process of each command of NocoBase's, before it reads what was typed: ours never boots a NocoBase. */
  static async staticImport(): Promise<void> {
    if (process.argv[2] === COMMAND) process.exit(await runAppCommand(process.argv.slice(3)));
    registerLocalAdapter();
    limitRestoreCommand();
    boundVariablePattern();
  }

  get service(): AppService | undefined {
    return activeLocalAdapter(AppSupervisor.getInstance())?.service;
  }

  override afterAdd(): void {
    if (this.enabled && this.app.name === 'main' && !this.findObstacle()) this.openDoors();
  }

  override beforeLoad(): void {
    this.obstacle = this.findObstacle();
    // Refusing here is the only way to tell whoever enables the plugin; one that is enabled already must not end the boot.
    if (this.obstacle && !this.enabled && this.isRefusal(this.obstacle)) throw this.obstacle;
    if (this.obstacle) this.app.log.warn(this.obstacle.message, { module: 'app-supervisor', code: this.obstacle.code });
  }

  /** The peer's collection carries the same name; where it rules, ours stays away. */
  override async loadCollections(): Promise<void> {
    if (this.obstacle && this.isRefusal(this.obstacle)) return;
    await super.loadCollections();
  }

  override async load(): Promise<void> {
    const { app } = this;
    if (app.name !== 'main') return;
    offerPermission(app);
    // Where the peer rules, the actions are the peer's.
    if (!this.obstacle || !this.isRefusal(this.obstacle)) requirePermission(app);
    app.acl.allow('appSupervisor', 'entries', 'loggedIn');
    app.acl.allow('appSupervisor', ['icon', 'downloadArchive'], 'public');
    defineSupervisor(app, () => ({ version, service: this.service, obstacle: this.obstacle }));
    answerErrors(app, () => app);
    answerOuterErrors(app, () => app);
    const { service } = this;
    if (this.obstacle || !service) {
      rememberEnabled(false);
      service?.standAside(this.obstacle);
      closeDoors();
      if (this.obstacle && !this.isRefusal(this.obstacle)) refuseApplications(app, this.obstacle);
      return;
    }
    // While it is being enabled, the plugin is loaded once without being enabled: that may yet come to nothing.
    if (this.enabled) this.openDoors();
    const registrar = new Registrar(service);
    bindCollection(app, service, registrar);
    defineApplications(app, service, registrar);
    defineObservation(app, service);
    defineArchives(app, service, registrar);
    closeGeneralActions(app);
    noteUsedHosts(app, registrar.usedHosts, service.config.trustedProxies);
    limitPortals(app, service);
    limitRestores(app, () => service.places.inMainDatabase());
    if (!boundVariablePattern()) {
      app.log.warn('the variables of this version of NocoBase cannot be found in bounded time', {
        module: 'app-supervisor',
      });
    }
    boundSnippets(app);
    confineCaches(app);
    boundVisitorMaps(app);
    boundFilters(app, service.config.sizes.query);
    limitFilters(app, service.config.sizes.query);
    limitBodyQueries(app, service.config.sizes.query);
    limitTemplates(app);
    limitOauth(app);
    app.on('afterLoad', () => {
      resolveInGroups(app);
      boundSchemas(app);
      endCircles(app);
    });
    admitOperators(app);
    const door = new CommandDoor(app, service.config.apiBasePath);
    // NocoBase awaits what these return, though their types do not say so.
    /* eslint-disable @typescript-eslint/no-misused-promises */
    service.leadership.onChange = (leads) => {
      if (!leads || isTransient()) door.close();
      else void door.open();
    };
    app.on('afterStart', async () => {
      await this.activate(service);
      if (service.active && !isTransient()) await door.open();
    });
    app.on('afterUpgrade', () => service.upgradeEager());
    app.on('beforeStop', () => {
      door.close();
      return service.flush();
    });
    /* eslint-enable @typescript-eslint/no-misused-promises */
  }

  private async activate(service: AppService): Promise<void> {
    const first = !service.routes;
    try {
      await service.leadership.begin();
    } catch (error) {
      // The main application must come up all the same. One that was at work goes on with what it knows.
      this.app.log.error(`App Supervisor: ${String(error)}`, { module: 'app-supervisor' });
      if (!first) return;
      this.obstacle = new AppError('APP_SUPERVISOR_UNREADABLE');
      closeDoors();
      service.standAside(this.obstacle);
      return;
    }
    rememberEnabled(true);
    if (first) welcomeAnew();
  }

  override async install(): Promise<void> {
    if (this.app.name === 'main' && !this.obstacle) await this.adoptRows();
  }

  /** Makes the rows of another plugin, or of an older version, ours; see the migration. */
  async adoptRows(): Promise<void> {
    if (this.service) await new Registrar(this.service).adoptRows();
  }

  override async afterDisable(): Promise<void> {
    if (this.app.name !== 'main') return;
    closeDoors();
    rememberEnabled(false);
    await this.service?.shutDown();
  }

  /** A reason why this plugin cannot work here. */
  private findObstacle(): AppError | undefined {
    if (this.app.name !== 'main') return new AppError('APP_SUPERVISOR_MAIN_ONLY');
    const peer = this.app.pm.get(PEER) as Plugin | undefined;
    if (peer?.enabled) return new AppError('APP_SUPERVISOR_PEER_ENABLED');
    if (this.service) return undefined;
    const { APP_DISCOVERY_ADAPTER: discovery, APP_PROCESS_ADAPTER: process_ } = process.env;
    const named = [discovery, process_].some((name) => name && name !== LOCAL_ADAPTER);
    return named
      ? new AppError('APP_SUPERVISOR_ADAPTER_MISMATCH', { discovery: discovery ?? '', process: process_ ?? '' })
      : new AppError('APP_SUPERVISOR_RESTART_REQUIRED');
  }

  private isRefusal({ code }: AppError): boolean {
    return code === 'APP_SUPERVISOR_PEER_ENABLED' || code === 'APP_SUPERVISOR_MAIN_ONLY';
  }

  private openDoors(): void {
    if (!this.service) return;
    openDoors(this.service);
    joinSelectors();
  }
}

export default PluginAppSupervisor;

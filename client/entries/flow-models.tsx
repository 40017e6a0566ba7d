import type { ComponentType } from 'react';
import { NAMESPACE } from '../constants';
import type { EntrySource, Destination } from './entry-source';
import type { FlowEngine } from './flow-engine';
import { SwitcherPanel } from './switcher-panel';

/** The Applications block for pages of flow models: those of the v2 client, and the modern ones of v1. */
export function registerAppsBlock(engine: FlowEngine, Block: ComponentType): void {
  const BlockModel = engine.getModelClass('BlockModel');
  if (!BlockModel) return;
  class AppSupervisorAppsBlockModel extends BlockModel {
    renderComponent() {
      return <Block />;
    }
  }
  AppSupervisorAppsBlockModel.define({ label: `{{t("Applications", { ns: "${NAMESPACE}" })}}`, sort: 500 });
  engine.registerModels({ AppSupervisorAppsBlockModel });
}

/**
 * The switcher of the v2 client. Its place at the top left belongs to a panel of actions that an administrator puts
 * there by hand; ours shows the applications before them. Where there is neither, there is nothing in the top bar.
 */
export function registerSwitcher(engine: FlowEngine, source: EntrySource): void {
  const Panel = engine.getModelClass('AppSwitcherActionPanelModel');
  if (!Panel) return;
  class AppSupervisorSwitcherModel extends Panel {
    private get offered(): Destination[] {
      return (this.props.offered as Destination[] | undefined) ?? [];
    }

    override onInit(options: unknown): void {
      super.onInit(options);
      // Without the applications the panel is what it was before.
      source.load('switcher').then(
        (offered) => this.setProps({ offered }),
        () => undefined,
      );
    }

    override hasActions(): boolean {
      return this.offered.length > 0 || super.hasActions();
    }

    override renderContent() {
      const actions = super.hasActions() || this.context.flowSettingsEnabled;
      return (
        <>
          {this.offered.length > 0 ? <SwitcherPanel entries={this.offered} target={source.target} /> : null}
          {actions ? super.renderContent() : null}
        </>
      );
    }
  }
  // Registered under the host's name, it would make the engine warn. What is saved keeps that name either way.
  Panel.resolveUse = () => AppSupervisorSwitcherModel;
}

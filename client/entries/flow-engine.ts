import type { ReactNode } from 'react';

/** The part of NocoBase's flow models that both clients have, and that is used here. */
export interface FlowModel {
  props: Record<string, unknown>;
  context: { flowSettingsEnabled?: boolean };
  onInit(options: unknown): void;
  setProps(props: Record<string, unknown>): void;
  /** Of a panel of actions. */
  hasActions(): boolean;
  renderContent(): ReactNode;
}

export interface FlowModelClass {
  new (options: never): FlowModel;
  define(meta: { label: string; sort?: number }): void;
  /** Which class is made where this one is asked for. */
  resolveUse?: () => FlowModelClass;
}

export interface FlowEngine {
  getModelClass(name: string): FlowModelClass | undefined;
  registerModels(models: Record<string, FlowModelClass>): void;
}

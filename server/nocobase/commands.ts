import { Application } from '@nocobase/server';

interface ActionCommand {
  name(): string;
  opts(): Record<string, unknown>;
  args?: unknown;
}

interface CommandLine {
  hook?: (event: 'preAction', listener: (line: unknown, command: ActionCommand) => Promise<void>) => unknown;
}

export interface CommandCall {
  words: readonly string[];
  options: Record<string, unknown>;
}

/**
 * Calls the listener before the command runs, in every application that the process makes from here on. What it throws
 * ends the command.
 */
export function onCommand(name: string, listener: (app: Application, call: CommandCall) => Promise<void>): void {
  Application.addCommand((app: Application) => {
    const { cli } = app as unknown as { cli?: CommandLine };
    cli?.hook?.('preAction', async (_line, command) => {
      if (command.name() !== name) return;
      const words = Array.isArray(command.args) ? command.args.map(String) : [];
      await listener(app, { words, options: command.opts() });
    });
  });
}

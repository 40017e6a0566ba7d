import path from 'node:path';
import type { Application } from '@nocobase/server';

interface Processor {
  getParsedValue(config: unknown, nodeId: unknown): unknown;
}

interface Instruction {
  run(node: { id: unknown; config: unknown }, input: unknown, processor: Processor): unknown;
}

interface WorkflowPlugin {
  instructions?: { get(type: string): Instruction | undefined };
}

/**
 * The workflow node "LLM" reads the files that its image addresses name, by paths from NocoBase's folder, and sends
 * them to a server that the application chose. Here each of these paths is judged first. Call it after each load.
 * @param assertFile throws to refuse a file
 */
export function confineLocalImages(app: Application, assertFile: (file: string) => void): void {
  const workflow = app.pm.get('workflow') as unknown as WorkflowPlugin | undefined;
  const instruction = workflow?.instructions?.get('llm');
  if (typeof instruction?.run !== 'function') return;
  const run = instruction.run.bind(instruction);
  // A function of its own on this object: its prototype serves all applications.
  instruction.run = (node, input, processor) => {
    for (const file of imageFiles(processor.getParsedValue(node.config, node.id))) assertFile(file);
    return run(node, input, processor);
  };
}

/** The files that the node would read, as absolute paths. */
export function imageFiles(config: unknown): string[] {
  const { messages } = (config ?? {}) as { messages?: unknown };
  const contents = [messages].flat().flatMap((message) => [(message as { content?: unknown } | null)?.content].flat());
  const urls = contents.flatMap((content) => {
    const { url } = ((content as { image_url?: unknown } | null)?.image_url ?? {}) as { url?: unknown };
    return [url].flat();
  });
  return urls
    .map((url) => (typeof url === 'string' ? url : (url as { url?: unknown } | null)?.url))
    .filter((url): url is string => typeof url === 'string' && url !== '' && !url.startsWith('http'))
    .map((url) => path.join(process.cwd(), url));
}

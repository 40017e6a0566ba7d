/** The code of the error that a call throws; `passes` if it throws none. */
export function codeOf(run: () => unknown): unknown {
  try {
    run();
    return 'passes';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

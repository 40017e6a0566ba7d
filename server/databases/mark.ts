/** The comment of what we made. */
export function marker(token: string): string {
  return `nocobase-plugin-app-supervisor:${token}`;
}

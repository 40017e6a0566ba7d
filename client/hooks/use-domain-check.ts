import { useSupervisor } from '../supervisor-context';

/** How long typing rests before the server is asked, in milliseconds. */
export const TYPING_PAUSE_MS = 300;

/**
 * A validator for one or several custom domains: the server says whether an application may have them.
 * @param self the ID of the application, if it exists already
 */
export function useDomainCheck(self?: string): (_rule: unknown, value: unknown) => Promise<void> {
  const { api } = useSupervisor();
  return async (_rule, value) => {
    const domains = (Array.isArray(value) ? value : [value]).filter((one): one is string => Boolean(one));
    // If the server cannot be asked, it says so when the form is submitted.
    const answers = await Promise.all(domains.map((domain) => api.checkDomain(domain, self).catch(() => undefined)));
    const refused = answers.find((answer) => answer?.ok === false);
    if (refused) throw new Error(refused.message);
  };
}

import { fillMessage } from '../../src/phrase';
import { CHINESE } from './chinese';
import type { Params } from './failure';

/** A sentence in the language of the terminal, with its parameters. */
export type Say = (english: string, params?: Params) => string;

/** The language of the terminal as NocoBase names it; what is neither English nor Chinese is told in English. */
export function terminalLanguage(env: NodeJS.ProcessEnv): 'en-US' | 'zh-CN' {
  return /^zh/i.test(env.LC_ALL || env.LC_MESSAGES || env.LANG || '') ? 'zh-CN' : 'en-US';
}

export function speaking(language: 'en-US' | 'zh-CN'): Say {
  return (english, params = {}) => fillMessage(language === 'zh-CN' ? (CHINESE[english] ?? english) : english, params);
}

import { Alert } from 'antd';
import type { LogFiles } from '../../api-types';
import { useLanguage, useT } from '../../locale';

/** Shows that log files could not be written: as an error while they fail, then as a warning. */
export function LogFilesAlert({ logFiles: { failing, lostLines, last } }: { logFiles: LogFiles }) {
  const t = useT();
  const language = useLanguage();
  if (!last) return null;
  const number = (value: number) => new Intl.NumberFormat(language).format(value);
  const details = { code: last.code, lines: number(lostLines), time: new Date(last.at).toLocaleString(language) };
  return (
    <Alert
      type={failing > 0 ? 'error' : 'warning'}
      showIcon
      message={
        failing > 0
          ? t('{{files}} log files cannot be written', { files: number(failing) })
          : t('Log lines were lost; the log files are written again')
      }
      description={t('Last error: {{code}}, {{time}}. Lost lines since the start: {{lines}}. Check the disk.', details)}
    />
  );
}

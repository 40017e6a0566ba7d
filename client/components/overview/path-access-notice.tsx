import { Alert } from 'antd';
import { useSupervisorInfo } from '../../hooks/use-supervisor-info';
import { useT } from '../../locale';

const NOTICE =
  'Applications are also reached below the address of the main application. Scripts of an application that is opened there can read what the main application keeps in the browser, its sign-in included. Open applications at hosts of their own: set APP_SUPERVISOR_BASE_DOMAIN or custom domains, and APP_SUPERVISOR_PATH_ACCESS=off.';

/** Says what applications share with the main application while they are served below its address. */
export function PathAccessNotice() {
  const t = useT();
  const { value: info } = useSupervisorInfo();
  return info?.pathAccess ? <Alert type="info" showIcon closable message={t(NOTICE)} /> : null;
}

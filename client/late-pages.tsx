import { Alert, Button, Card, Spin } from 'antd';
import { useEffect, useState, type ComponentType } from 'react';
import { useT } from './locale';
import type { AdministrationPages } from './pages/administration';
import type { HostApplication } from './supervisor-context';

/** The administrator's pages, whose code is fetched when the first of them is shown. */
export function latePages(app: HostApplication, listPath: string): AdministrationPages {
  let fetched: Promise<AdministrationPages> | undefined;
  const fetchPages = () =>
    (fetched ??= import('./pages/administration').then(({ administrationPages }) =>
      administrationPages(app, listPath),
    ));

  const late = (name: keyof AdministrationPages): ComponentType =>
    function LatePage() {
      const [Page, setPage] = useState<ComponentType>();
      const [failed, setFailed] = useState(false);
      useEffect(() => {
        fetchPages().then(
          // A component is a function, and so would be called as one that computes the next state.
          (pages) => setPage(() => pages[name]),
          () => setFailed(true),
        );
      }, []);
      if (Page) return <Page />;
      return <Card>{failed ? <NotFetched /> : <Spin />}</Card>;
    };
  return { Applications: late('Applications'), Overview: late('Overview') };
}

/** The network failed, or the plugin was replaced since this page of the browser was opened. */
function NotFetched() {
  const t = useT();
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      message={t('The page could not be loaded.')}
      action={
        <Button size="small" onClick={() => window.location.reload()}>
          {t('Reload the page')}
        </Button>
      }
    />
  );
}

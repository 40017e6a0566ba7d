import { Button, Drawer, Flex } from 'antd';
import type { ReactNode } from 'react';
import type { ApiError } from '../../api-error';
import { useT } from '../../locale';
import { ErrorAlert } from '../error-alert';

export interface FormDrawerProps {
  title: string;
  open: boolean;
  onClose: () => void;
  /** After it has closed. */
  onClosed?: () => void;
  submitText: string;
  onSubmit: () => void;
  saving: boolean;
  error?: ApiError;
  /** Shown in place of the form: it was handed in, and nothing is left to submit. */
  after?: ReactNode;
  children: ReactNode;
}

/** A drawer around a form; its buttons stay in sight, and so does what failed. */
export function FormDrawer(props: FormDrawerProps) {
  const t = useT();
  const { title, open, onClose, onClosed, submitText, onSubmit, saving, error, after, children } = props;
  return (
    <Drawer
      title={title}
      open={open}
      onClose={onClose}
      afterOpenChange={(shown) => (shown ? undefined : onClosed?.())}
      width="min(640px, 100vw)"
      maskClosable={false}
      footer={
        <Flex justify="end" gap="small">
          {after ? (
            <Button type="primary" onClick={onClose}>
              {t('Close')}
            </Button>
          ) : (
            <>
              <Button onClick={onClose}>{t('Cancel')}</Button>
              <Button type="primary" onClick={onSubmit} loading={saving}>
                {submitText}
              </Button>
            </>
          )}
        </Flex>
      }
    >
      {after ?? (
        <>
          <ErrorAlert error={error} />
          {children}
        </>
      )}
    </Drawer>
  );
}

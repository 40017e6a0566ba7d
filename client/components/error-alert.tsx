import { Alert, Typography } from 'antd';
import type { ReactNode } from 'react';
import type { ApiError } from '../api-error';
import { useT } from '../locale';

interface ErrorAlertProps {
  error?: ApiError;
  /** What can be done about it. */
  advice?: string;
  action?: ReactNode;
  onClose?: () => void;
}

/** A failure: the sentence, what to do, and the code to look up or to quote. */
export function ErrorAlert({ error, advice, action, onClose }: ErrorAlertProps) {
  const t = useT();
  if (!error) return null;
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      closable={Boolean(onClose)}
      onClose={onClose}
      action={action}
      message={error.message ?? t('The request failed.')}
      description={
        advice || error.code ? (
          <>
            {advice ? <div>{advice}</div> : null}
            {error.code ? <Typography.Text type="secondary">{error.code}</Typography.Text> : null}
          </>
        ) : undefined
      }
      style={{ marginBottom: 16, overflowWrap: 'anywhere' }}
    />
  );
}

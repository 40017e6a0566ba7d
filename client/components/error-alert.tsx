import { Alert } from 'antd';
import type { ApiError } from '../api-error';
import { useT } from '../locale';

interface ErrorAlertProps {
  error?: ApiError;
  onClose?: () => void;
}

/** A failed request: the sentence, and the code to look up or to quote. */
export function ErrorAlert({ error, onClose }: ErrorAlertProps) {
  const t = useT();
  if (!error) return null;
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      closable={Boolean(onClose)}
      onClose={onClose}
      message={error.message ?? t('The request failed.')}
      description={error.code}
      style={{ marginBottom: 16 }}
    />
  );
}

import { Button, Drawer, Flex } from 'antd';
import type { ReactNode } from 'react';
import type { DialogProps } from '../../hooks/use-dialog';
import type { Submission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { ErrorAlert } from '../error-alert';

interface FormDrawerProps
  extends Pick<DialogProps, 'open' | 'onClose' | 'onClosed'>, Pick<Submission, 'saving' | 'error'> {
  title: string;
  /** The `id` of the form within: the button of the footer belongs to it, and so does Enter in its fields. */
  formId: string;
  submitText: string;
  /** Shown in place of the form: it was handed in, and nothing is left to submit. */
  after?: ReactNode;
  children: ReactNode;
}

/** Where nobody has begun to type before the drawer had come in. */
function focusFirstField(formId: string): void {
  const form = document.getElementById(formId);
  if (!form?.contains(document.activeElement)) form?.querySelector('input')?.focus();
}

/** A drawer around a form; its buttons stay in sight, and so does what failed. */
export function FormDrawer(props: FormDrawerProps) {
  const t = useT();
  const { title, open, onClose, onClosed, formId, submitText, saving, error, after, children } = props;
  return (
    <Drawer
      title={title}
      open={open}
      onClose={onClose}
      afterOpenChange={(shown) => (shown ? focusFirstField(formId) : onClosed())}
      styles={{ header: { overflowWrap: 'anywhere' } }}
      width="min(640px, 100vw)"
      maskClosable={false}
      footer={
        <Flex justify="end" gap="small">
          {after ? (
            // The field that had the focus is gone: without one, no Escape would close the drawer.
            <Button type="primary" autoFocus onClick={onClose}>
              {t('Close')}
            </Button>
          ) : (
            <>
              <Button onClick={onClose}>{t('Cancel')}</Button>
              <Button type="primary" htmlType="submit" form={formId} loading={saving}>
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

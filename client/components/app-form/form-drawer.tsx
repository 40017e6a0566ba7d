import { Button, Drawer, Flex } from 'antd';
import { useEffect, useRef, type ReactNode } from 'react';
import type { DialogProps } from '../../hooks/use-dialog';
import { useEscape } from '../../hooks/use-escape';
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
  useEscape(open, onClose);
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
            <Button type="primary" onClick={onClose}>
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
      {after ? (
        <Outcome>{after}</Outcome>
      ) : (
        <>
          <ShownAlert error={error} />
          {children}
        </>
      )}
    </Drawer>
  );
}

/** A failure that is about no field of the form, scrolled into view when it comes. */
function ShownAlert({ error }: Pick<Submission, 'error'>) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (error) box.current?.scrollIntoView({ block: 'nearest' });
  }, [error]);
  return (
    <div ref={box}>
      <ErrorAlert error={error} />
    </div>
  );
}

/** Takes the focus over from the field that is gone: where nothing has it, no Escape closes the drawer. */
function Outcome({ children }: { children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), []);
  return (
    <div ref={box} tabIndex={-1} style={{ outline: 'none' }}>
      {children}
    </div>
  );
}

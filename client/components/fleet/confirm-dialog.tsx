import { Flex, Modal } from 'antd';
import type { ReactNode } from 'react';
import type { DialogProps } from '../../hooks/use-dialog';
import type { useSubmission } from '../../hooks/use-submission';
import { useT } from '../../locale';
import { ErrorAlert } from '../error-alert';

interface ConfirmDialogProps
  extends
    Pick<DialogProps, 'open' | 'onClose' | 'onClosed'>,
    Pick<ReturnType<typeof useSubmission>, 'saving' | 'error'> {
  title: string;
  okText: string;
  onConfirm: () => Promise<void>;
  /** What is done cannot be undone. */
  danger?: boolean;
  /** Whether it may be confirmed; yes if absent. */
  ready?: boolean;
  /** It closes by its main button only. */
  locked?: boolean;
  children: ReactNode;
}

/** Asks before something is done to one application, and shows the error if that fails. */
export function ConfirmDialog({ danger, ready = true, locked = false, ...dialog }: ConfirmDialogProps) {
  const t = useT();
  return (
    <Modal
      title={dialog.title}
      open={dialog.open}
      onCancel={dialog.onClose}
      afterClose={dialog.onClosed}
      onOk={() => void dialog.onConfirm()}
      okText={dialog.okText}
      okButtonProps={{ danger, disabled: !ready }}
      cancelText={t('Cancel')}
      cancelButtonProps={{ hidden: locked }}
      closable={!locked}
      maskClosable={!locked}
      keyboard={!locked}
      confirmLoading={dialog.saving}
      styles={{ header: { overflowWrap: 'anywhere' } }}
    >
      <Flex vertical gap="middle">
        <ErrorAlert error={dialog.error} />
        {dialog.children}
      </Flex>
    </Modal>
  );
}

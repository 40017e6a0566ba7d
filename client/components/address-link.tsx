import { Flex, Typography } from 'antd';

/** The full URL of an application, which leads there and can be copied. */
export function AddressLink({ url }: { url: string }) {
  return (
    <Flex gap={4} style={{ minWidth: 0 }}>
      <Typography.Link href={url} target="_blank" rel="noopener noreferrer" ellipsis title={url}>
        {url}
      </Typography.Link>
      {/* Beside the link, not in it: a click on the button must not open the page. */}
      <Typography.Text copyable={{ text: url }} />
    </Flex>
  );
}

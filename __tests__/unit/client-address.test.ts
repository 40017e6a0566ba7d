import { BlockList } from 'node:net';
import { clientAddress } from '../../server/client-address';

const trusted = new BlockList();
trusted.addSubnet('127.0.0.0', 8, 'ipv4');
trusted.addAddress('::1', 'ipv6');
trusted.addSubnet('10.0.0.0', 8, 'ipv4');

const asked = (remoteAddress: string | undefined, forwarded?: string) =>
  clientAddress({ headers: { 'x-forwarded-for': forwarded }, socket: { remoteAddress } }, trusted);

describe('the address of a client', () => {
  it.each([
    ['the one that is connected', '203.0.113.7', undefined, '203.0.113.7'],
    ['IPv4, also on a socket for both', '::ffff:203.0.113.7', undefined, '203.0.113.7'],
    ['IPv6', '2001:db8::1', undefined, '2001:db8::1'],
    ['what a trusted proxy says', '127.0.0.1', '203.0.113.7', '203.0.113.7'],
    ['the same of one on IPv6', '::1', '2001:db8::7', '2001:db8::7'],
    ['the proxy itself, where it says nothing', '::1', undefined, '::1'],
    ['what the last of several trusted ones says', '127.0.0.1', '203.0.113.7, 10.1.2.3', '203.0.113.7'],
    ['not what the client has put before it', '127.0.0.1', '1.2.3.4, 203.0.113.7', '203.0.113.7'],
    ['not what a stranger says', '203.0.113.9', '1.2.3.4', '203.0.113.9'],
    ['no further than what is an address', '127.0.0.1', 'unknown, 10.1.2.3', '10.1.2.3'],
    ['none of a socket that has ended', undefined, '1.2.3.4', undefined],
  ])('is %s', (_what, remote, forwarded, expected) => {
    expect(asked(remote, forwarded)).toBe(expected);
  });
});

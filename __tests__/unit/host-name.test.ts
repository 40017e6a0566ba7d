import fc from 'fast-check';
import { normalizeDomain, normalizeHost } from '../../src/host-name';

describe('normalizeHost', () => {
  it.each([
    ['a host', 'crm.example.com', 'crm.example.com'],
    ['upper case', 'CRM.Example.COM', 'crm.example.com'],
    ['a port', 'crm.example.com:13000', 'crm.example.com'],
    ['an empty port', 'crm.example.com:', 'crm.example.com'],
    ['a trailing dot', 'crm.example.com.', 'crm.example.com'],
    ['a trailing dot and a port', 'crm.example.com.:80', 'crm.example.com'],
    ['blanks around it', ' crm.localhost ', 'crm.localhost'],
    ['one label', 'localhost', 'localhost'],
    ['an underscore', 'my_app.localhost', 'my_app.localhost'],
    ['IPv4', '127.0.0.1:80', '127.0.0.1'],
    ['IPv6', '[::1]', '::1'],
    ['IPv6 with a port', '[2001:DB8::1]:443', '2001:db8::1'],
    ['bare IPv6', '::1', '::1'],
    ['IPv4 in IPv6', '[::ffff:10.0.0.1]:80', '::ffff:10.0.0.1'],
    ['253 characters', `${'a'.repeat(49)}.${'b'.repeat(203)}`, `${'a'.repeat(49)}.${'b'.repeat(203)}`],
  ])('reads %s', (_case, given, host) => {
    expect(normalizeHost(given)).toBe(host);
  });

  it.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['blanks', '   '],
    ['a dot', '.'],
    ['two dots', '..'],
    ['an empty label', 'a..b'],
    ['a leading dot', '.example.com'],
    ['two trailing dots', 'example.com..'],
    ['a path', 'example.com/x'],
    ['dot-dot-slash', '../../etc/passwd'],
    ['a user', 'user@example.com'],
    ['a blank inside', 'a b'],
    ['a control character', 'a\u0000b'],
    ['unicode', 'bücher.example'],
    ['a port that is none', 'example.com:http'],
    ['a port of six digits', 'example.com:123456'],
    ['an open bracket', '[::1'],
    ['something behind the bracket', '[::1]x'],
    ['no address in the brackets', '[localhost]'],
    ['a scheme', 'http://example.com'],
    ['254 characters', 'a'.repeat(254)],
    ['a million characters', 'a'.repeat(1_000_000)],
    ['percent signs', '%63rm.localhost'],
    ['several hosts', 'a.localhost, b.localhost'],
  ])('takes %s for no host', (_case, given) => {
    expect(normalizeHost(given)).toBeUndefined();
  });

  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 310 }),
    fc.string({ unit: fc.constantFrom('a', 'F', '0', '1', '.', ':', '[', ']', '-', '_', ' '), maxLength: 20 }),
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().map((address) => `[${address}]`),
    fc.string({ unit: fc.constantFrom('a', 'f', '1', '.', ':'), maxLength: 6 }).map((text) => `[${text}]`),
  );

  it('never throws, and says the same of what it said', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const host = normalizeHost(text);
        if (host !== undefined) expect(normalizeHost(host)).toBe(host);
      }),
      { numRuns: 500 },
    );
  });

  it('says the same of a host with and without port, case and trailing dot', () => {
    fc.assert(
      fc.property(fc.domain(), fc.nat(65_535), (domain, port) => {
        const host = normalizeHost(domain);
        expect(normalizeHost(`${domain.toUpperCase()}.:${port}`)).toBe(host);
      }),
    );
  });
});

describe('normalizeDomain', () => {
  it.each([
    ['crm.example.com', 'crm.example.com'],
    ['CRM.Example.com.', 'crm.example.com'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['intranet', 'intranet'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['MÜNCHEN.example', 'xn--mnchen-3ya.example'],
    ['例子.测试', 'xn--fsqu00a.xn--0zwm56d'],
    ['пример.рф', 'xn--e1afmkfd.xn--p1ai'],
    ['faß.example', 'xn--fa-hia.example'],
    ['shop。example。com', 'shop.example.com'],
    [' bücher.example. ', 'xn--bcher-kva.example'],
  ])('accepts %s', (given, domain) => {
    expect(normalizeDomain(given)).toBe(domain);
  });

  it.each([
    '',
    'http://crm.example.com',
    'crm.example.com:80',
    'crm.example.com/',
    '[::1]',
    '::1',
    '10.0.0.1',
    'my_app.example.com',
    '-crm.example.com',
    'crm-.example.com',
    `${'a'.repeat(64)}.example.com`,
    'bücher.example:80',
    'http://bücher.example',
    'bü@cher.example',
    'bü cher.example',
    'bü?.example',
    'bü#.example',
    'bü%2f.example',
    'bü\\x.example',
    '１２７.0.0.1',
    'ü'.repeat(64),
    `${'ü'.repeat(300)}.example`,
    '*.example.com',
    'a b',
    'a..b',
  ])('refuses "%s"', (given) => {
    expect(normalizeDomain(given)).toBeUndefined();
  });

  it('never throws, and gives only what normalizeHost leaves alone', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.domain()), (text) => {
        const domain = normalizeDomain(text);
        if (domain !== undefined) expect(normalizeHost(domain)).toBe(domain);
      }),
    );
  });
});

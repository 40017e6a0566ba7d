import fc from 'fast-check';
import { canonicalHost, isLoopback } from '../../src/host-address';

describe('canonicalHost', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['0x7f.0.0.1', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['LOCALHOST', 'localhost'],
    ['localhost.', 'localhost'],
    ['Db.Example.com.', 'db.example.com'],
    ['db_1', 'db_1'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::FFFF:7f00:1', '127.0.0.1'],
    ['FD00::0002', 'fd00::2'],
    ['/var/run/postgresql', '/var/run/postgresql'],
    ['/var/run/postgresql/', '/var/run/postgresql'],
  ])('reads %s as %s', (given, host) => expect(canonicalHost(given)).toBe(host));

  it.each([
    ...[
      '',
      ' ',
      'a b',
      'a:5432',
      '127.0.0.1:5432',
      '[::1]:5432',
      '[a]',
      '[',
      'a]',
      'http://a',
      'a/b',
      'a@b',
      'a?b',
      'a#b',
    ],
    ...[
      'a..b',
      '.a',
      '-a',
      'a-',
      '256.1.1.1',
      '1.2.3.4.5',
      '999999999999',
      ':::',
      '1::2::3',
      'fe80::1%eth0',
      'é',
      'a\0',
    ],
    ...[
      '/',
      '//a',
      '/a/../b',
      '/a b',
      `/${'a'.repeat(120)}`,
      'a'.repeat(254),
      `${'a'.repeat(64)}.b`,
      "a';--",
      '..',
      '*',
    ],
  ])('takes %p for no host', (given) => expect(canonicalHost(given)).toBeUndefined());

  it('changes nothing when it is asked again, and never throws', () => {
    const pieces = fc.array(fc.constantFrom('a', '1', '.', ':', '[', ']', '/', '-', '0x7f', '255', '::', 'ffff'));
    fc.assert(
      fc.property(
        fc.oneof(
          pieces.map((parts) => parts.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (given) => {
          const host = canonicalHost(given);
          if (host !== undefined) expect(canonicalHost(host)).toBe(host);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('isLoopback', () => {
  it.each(['localhost', 'db.localhost', '127.0.0.1', '127.9.9.9', '0.0.0.0', '::1', '::', '/tmp'])('%s is', (host) =>
    expect(isLoopback(host)).toBe(true),
  );
  it.each(['localhost.example', '10.0.0.1', '128.0.0.1', 'fd00::1', '::2'])('%s is not', (host) =>
    expect(isLoopback(host)).toBe(false),
  );
});

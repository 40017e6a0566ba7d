import { DownloadTickets } from '../../server/archives/download-tickets';
import { SYSTEM } from '../../src/events';

describe('tickets for downloads', () => {
  function world() {
    const clock = { now: 1_000 };
    return { clock, tickets: new DownloadTickets(() => clock.now) };
  }
  const code = (work: () => unknown) => {
    try {
      return work();
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  it('are for one archive, for a minute, and cannot be guessed', () => {
    const { clock, tickets } = world();
    const { ticket, until } = tickets.issue('crm.tar', SYSTEM);
    expect([ticket, until]).toEqual([expect.stringMatching(/^[\w-]{43}$/), 61_000]);
    expect(tickets.issue('crm.tar', SYSTEM).ticket).not.toBe(ticket);
    expect(tickets.resolve(ticket)).toMatchObject({ archive: 'crm.tar', by: SYSTEM });
    clock.now = 60_999;
    expect(tickets.resolve(ticket)).toMatchObject({ archive: 'crm.tar' });
    clock.now = 61_000;
    expect(code(() => tickets.resolve(ticket))).toBe('APP_DOWNLOAD_EXPIRED');
  });

  it.each([undefined, '', 7, ['x'], { toString: () => 'x' }, '__proto__', 'constructor'])(
    'a ticket that was not issued is refused: %p',
    (given) => {
      const { tickets } = world();
      tickets.issue('crm.tar', SYSTEM);
      expect(code(() => tickets.resolve(given))).toBe('APP_DOWNLOAD_EXPIRED');
    },
  );

  it('are bounded in number: the oldest gives way', () => {
    const { tickets } = world();
    const first = tickets.issue('crm.tar', SYSTEM);
    const all = Array.from({ length: 1_000 }, () => tickets.issue('crm.tar', SYSTEM));
    expect(code(() => tickets.resolve(first.ticket))).toBe('APP_DOWNLOAD_EXPIRED');
    for (const { ticket } of all) expect(tickets.resolve(ticket)).toBeDefined();
  });
});

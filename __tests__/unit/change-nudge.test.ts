import { ChangeNudge } from '../../server/change-nudge';

describe('the nudge', () => {
  let pushed: number[];
  let nudge: ChangeNudge;

  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
    pushed = [];
    nudge = new ChangeNudge(() => void pushed.push(Date.now()));
    nudge.open();
  });

  afterEach(() => jest.useRealTimers());

  it('is given at once, and once more after the pause for all that came meanwhile', () => {
    for (let count = 0; count < 10; count += 1) nudge.changed();
    expect(pushed).toEqual([0]);
    jest.advanceTimersByTime(10_000);
    expect(pushed).toEqual([0, 500]);
    expect(jest.getTimerCount()).toBe(0);
    nudge.changed();
    expect(pushed).toEqual([0, 500, 10_000]);
  });

  it('is given at most twice a second, however much changes, and the last change is told', () => {
    for (let now = 0; now < 3_000; now += 10) {
      nudge.changed();
      jest.advanceTimersByTime(10);
    }
    jest.advanceTimersByTime(1_000);
    expect(pushed).toEqual([0, 500, 1_000, 1_500, 2_000, 2_500, 3_000]);
  });

  it('is not given while it is closed, and leaves no timer', () => {
    nudge.changed();
    nudge.changed();
    nudge.close();
    expect(jest.getTimerCount()).toBe(0);
    nudge.changed();
    jest.advanceTimersByTime(1_000);
    expect(pushed).toEqual([0]);
    nudge.open();
    nudge.changed();
    expect(pushed).toEqual([0, 1_000]);
  });
});

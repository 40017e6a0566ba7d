import type { AppRecord } from '../../src/app-record';
import { AppError } from '../../src/errors';
import type { ServerAddress, ServerIdentity } from './dialect';
import { findOtherUser, isSameServer, namesakes, type MainPlace } from './ownership';
import { placeName, type Place } from './place';

interface SearchHost {
  main(): MainPlace;
  records(): Iterable<AppRecord>;
  /**
   * How the data of a registered application is reached, on a server of the family that is asked about.
   * @throws when its options or secrets cannot be read
   */
  reach(record: AppRecord): ServerAddress;
}

/** Finds out whose a place is, however its server is addressed. */
export class OwnerSearch {
  constructor(private readonly host: SearchHost) {}

  /** As far as the addresses tell; asks nobody. @throws APP_DATABASE_IN_USE */
  assertFreeByAddress(record: AppRecord, place: Place): void {
    const owner = findOtherUser(place.target, record.name, this.host.records(), this.host.main());
    if (owner !== undefined) throw new AppError('APP_DATABASE_IN_USE', { database: placeName(place), owner });
  }

  /**
   * The servers of all who call their database the same are asked who they are. One that does not answer counts as
   * the same: what cannot be told apart is not touched. To be asked of a place that exists; nobody is in another.
   * @throws APP_DATABASE_IN_USE
   */
  async assertFreeByIdentity(record: AppRecord, place: Place, identity: ServerIdentity): Promise<void> {
    const { target } = place;
    const main = this.host.main();
    const asked = new Map<string, Promise<boolean>>();
    const users = [...namesakes(target, record.name, this.host.records(), main)];
    const others = users.filter((user) => user.target.server !== target.server);
    const found = await Promise.all(
      others.map(async (user) => {
        const key = user.target.server;
        const same = asked.get(key) ?? this.isSame(place, identity, user.record);
        asked.set(key, same);
        return { owner: user.owner, same: await same };
      }),
    );
    const owner = found.find(({ same }) => same)?.owner;
    if (owner !== undefined) throw new AppError('APP_DATABASE_IN_USE', { database: placeName(place), owner });
  }

  private async isSame({ dialect }: Place, identity: ServerIdentity, other?: AppRecord): Promise<boolean> {
    try {
      const address = other ? this.host.reach(other) : this.host.main();
      return isSameServer(identity, await dialect.identify(address));
    } catch {
      return true;
    }
  }
}

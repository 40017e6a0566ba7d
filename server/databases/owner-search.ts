import type { AppRecord } from '../../src/app-record';
import { databaseKind } from '../../src/database-dialects';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import type { ServerAddress, ServerIdentity } from './dialect';
import { findOtherUser, isSameServer, namesakes, type MainPlace } from './ownership';
import { placeName, type Place } from './place';
import { generateRolePassword } from './secrets';

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

  /**
   * A server may let NocoBase's machine in without a password: the name of a role proves nothing there. A role that
   * reaches the main application's data is taken only if the server checks the password, or if it is the main application's
   * own one.
   * @throws APP_DATABASE_DENIED
   */
  async assertPasswordProven({ dialect, elsewhere, server }: Place, identity: ServerIdentity): Promise<void> {
    const main = this.host.main();
    const family = databaseKind(main.dialect ?? 'postgres')?.family;
    if (!elsewhere || family !== dialect.family) return;
    const { username = '', password = '' } = server;
    const isMains = username === main.username && password !== '' && password === main.password;
    if (isMains || !(await this.isSame({ dialect }, identity)) || !(await dialect.roles.reachesMain(server, main)))
      return;
    const guess = { name: username, password: generateRolePassword() };
    if (!(await dialect.roles.maySignIn(server, guess, server.database))) return;
    throw new AppError('APP_DATABASE_DENIED', {
      reason: phrase('the server lets the role "{role}" in without its password', { role: username }),
    });
  }

  private async isSame(
    { dialect }: Pick<Place, 'dialect'>,
    identity: ServerIdentity,
    other?: AppRecord,
  ): Promise<boolean> {
    try {
      const address = other ? this.host.reach(other) : this.host.main();
      return isSameServer(identity, await dialect.identify(address));
    } catch {
      return true;
    }
  }
}

/** Names the main application: two main applications in one database or on one server have two locks. */
export interface LockScope {
  schema: string;
  tablePrefix: string;
}

/**
 * An exclusive lock that a database server holds for as long as one connection lives. The server releases it when the
 * connection ends, also when the process is killed: PostgreSQL gave it to the next caller 4 ms after `kill -9`.
 * One object has at most one connection; `acquire` may be called again after `close`.
 */
export interface SessionLock {
  /**
   * Tries once, over a connection of its own, which stays open also when another process holds the lock.
   * @returns whether this connection holds the lock now
   * @throws the driver's error if the server cannot be asked within a few seconds
   */
  acquire(): Promise<boolean>;
  /**
   * Asks the server whether this connection still holds the lock.
   * @throws the driver's error if the server cannot be asked within a few seconds
   */
  isHeld(): Promise<boolean>;
  /** Closes the connection, which releases the lock. Never rejects. */
  close(): Promise<void>;
}

/** Called when the connection of a lock breaks. */
export type OnBroken = () => void;

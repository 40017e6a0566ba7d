/** What sets the kinds of database servers apart that an application can have its data on, by NocoBase's names of them. */
export interface DatabaseKind {
  /** Dialects of one family speak to the same servers. */
  family: string;
  port: number;
  /** Whether a database has schemas. */
  schemas: boolean;
}

export const DATABASE_KINDS: Readonly<Record<'postgres' | 'mysql' | 'mariadb', DatabaseKind>> = {
  postgres: { family: 'postgres', port: 5432, schemas: true },
  mysql: { family: 'mysql', port: 3306, schemas: false },
  mariadb: { family: 'mysql', port: 3306, schemas: false },
};

/** Absent means PostgreSQL. Undefined for a kind that is not supported. */
export function databaseKind(dialect: unknown): DatabaseKind | undefined {
  if (dialect === undefined || dialect === null) return DATABASE_KINDS.postgres;
  return typeof dialect === 'string' && Object.hasOwn(DATABASE_KINDS, dialect)
    ? DATABASE_KINDS[dialect as keyof typeof DATABASE_KINDS]
    : undefined;
}

import fc from 'fast-check';
import { assertOfTables, DumpReader, type DumpedStatement } from '../../server/databases/mysql-script';

function read(dump: string, sizes: number[] = []): DumpedStatement[] {
  const reader = new DumpReader();
  const statements: DumpedStatement[] = [];
  let at = 0;
  for (const size of [...sizes, dump.length]) {
    statements.push(...reader.read(dump.slice(at, at + size)));
    at += size;
  }
  return [...statements, ...reader.end()];
}

const verdict = (dump: string): string | undefined => {
  try {
    for (const statement of read(dump)) assertOfTables(statement);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

const TABLE =
  'CREATE TABLE `users` (`id` bigint(20) NOT NULL, `price` decimal(10,2) DEFAULT 0.50, `made` datetime(3) DEFAULT current_timestamp(3), ' +
  "`kind` enum('a','b;c') DEFAULT 'b;c', `data` longtext CHECK (json_valid(`data`)), PRIMARY KEY (`id`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='SELECT * FROM other.t';";
const ROWS =
  "INSERT INTO `users` VALUES (1,-2.5e-3,NULL,'O\\'Hara; `x` \\\\','',0x00FF),(2,0,_binary 'x','it''s',NULL,0xAB);";

describe('a dump of tables', () => {
  it('is read statement by statement, without comments', () => {
    const dump = `/*M!999999\\- enable the sandbox mode */\n-- a; comment\n# and; another\n/*!40101 SET NAMES utf8mb4 */;\n${TABLE}\n${ROWS}\n`;
    expect(read(dump).map(({ text }) => `${text};`)).toEqual([TABLE, ROWS]);
    expect(verdict(dump)).toBeUndefined();
  });

  it('is the same in whatever pieces it comes', () => {
    const whole = read(`/* x */ ${TABLE} -- y\n${ROWS}`);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), (sizes) => {
        expect(read(`/* x */ ${TABLE} -- y\n${ROWS}`, sizes)).toEqual(whole);
      }),
    );
  });

  it('keeps every text as it is', () => {
    const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), fc.integer({ min: 1, max: 9 }), (texts, size) => {
        const insert = `INSERT INTO \`t\` VALUES (${texts.map(quote).join(',')})`;
        const pieces = Array.from({ length: Math.ceil(insert.length / size) }, () => size);
        const [statement, ...more] = read(`${insert};`, pieces);
        expect([statement?.text, more]).toEqual([insert, []]);
        expect(statement && assertOfTables(statement)).toBeUndefined();
      }),
    );
  });

  it.each([
    ['another database', 'USE `mysql`;'],
    ['a table of another database', 'INSERT INTO `mysql`.`user` VALUES (1);'],
    ['rows that are read elsewhere', 'INSERT INTO `t` SELECT * FROM `other`.`users`;'],
    ['a value that is asked', "INSERT INTO `t` VALUES (LOAD_FILE('/etc/passwd'));"],
    ['a value of a variable', 'INSERT INTO `t` VALUES (@@version);'],
    ['a second list', "INSERT INTO `t` VALUES ('a') ON DUPLICATE KEY UPDATE a = 1;"],
    ['a table made of rows', 'CREATE TABLE `t` (`a` int) SELECT 1;'],
    ['a key into another database', 'CREATE TABLE `t` (`a` int, FOREIGN KEY (`a`) REFERENCES `main`.`users` (`id`));'],
    ['a table on another server', "CREATE TABLE `t` (`a` int) ENGINE=FEDERATED CONNECTION='mysql://x';"],
    ['a table in a file', "CREATE TABLE `t` (`a` int) ENGINE=InnoDB DATA DIRECTORY='/tmp';"],
    ['a table of another kind', 'CREATE TABLE `t` (`a` int) ENGINE=CONNECT;'],
    ['a default that is asked', "CREATE TABLE `t` (`a` text DEFAULT (load_file('/etc/passwd'))) ENGINE=InnoDB;"],
    ['a function of another database', 'CREATE TABLE `t` (`a` int DEFAULT (main.f())) ENGINE=InnoDB;'],
    ['a view', 'CREATE VIEW `v` AS SELECT 1;'],
    ['a trigger', 'CREATE TRIGGER `x` BEFORE INSERT ON `t` FOR EACH ROW SET @a = 1;'],
    ['a user', "CREATE USER 'x';"],
    ['a right', "GRANT ALL ON *.* TO 'x';"],
    ['a setting', 'SET GLOBAL general_log = 1;'],
    ['a statement hidden in a name', 'INSERT INTO `t` VALUES (1),(2); DROP DATABASE `main`;'],
    ['a command of the client', '\\! touch /tmp/x\n;'],
    ['double quotes', 'INSERT INTO `t` VALUES ("a");'],
    ['an open text', "INSERT INTO `t` VALUES ('a;"],
    ['an open statement', 'INSERT INTO `t` VALUES (1)'],
    ['the drop of a table elsewhere', 'DROP TABLE IF EXISTS `main`.`users`;'],
  ])('does not hold %s', (_case, dump) => {
    expect(verdict(dump)).toBe('APP_ARCHIVE_INVALID');
  });

  it('hides nothing behind a comment that a server would carry out', () => {
    const [statement] = read('CREATE TABLE `t` (`a` int) /*!50100 PARTITION BY HASH (`a`) */ ENGINE=InnoDB;');
    expect(statement?.text).toBe('CREATE TABLE `t` (`a` int)   ENGINE=InnoDB');
  });
});

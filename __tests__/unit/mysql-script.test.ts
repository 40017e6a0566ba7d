import fc from 'fast-check';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { programEdition } from '../../server/databases/mysql-dump';
import { ScriptCheck } from '../../server/databases/mysql-script';

/** What a MariaDB program of version 10.11 wrote, with a part of one of MySQL's. */
const GOOD = `/*M!999999\\- enable the sandbox mode */ 

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE \`a\` (
  \`id\` bigint(20) NOT NULL AUTO_INCREMENT,
  \`select\` text DEFAULT NULL COMMENT 'it''s; -- x /* USE mysql; */\\n',
  \`j\` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(\`j\`)),
  \`f\` decimal(10,2) DEFAULT 1.50,
  \`g\` varchar(20) GENERATED ALWAYS AS (left(\`t\`,3)) STORED,
  \`m\` text GENERATED ALWAYS AS (json_unquote(json_extract(\`j\`,_utf8mb4'$.a'))) VIRTUAL /*!80023 INVISIBLE */,
  \`u\` uuid DEFAULT uuid(),
  \`d\` datetime(3) DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3),
  PRIMARY KEY (\`id\`),
  FULLTEXT KEY \`ft\` (\`t\`),
  CONSTRAINT \`c\` FOREIGN KEY (\`id\`) REFERENCES \`other\` (\`id\`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='中文'
/*!50100 PARTITION BY HASH (\`id\`)
PARTITIONS 2 */;
/*!40101 SET character_set_client = @saved_cs_client */;

INSERT INTO \`a\` VALUES
(1,'中文😀 \\'\\" \\n x; DROP DATABASE mysql; -- ','{\\"a\\":\\"中\\"}',0x00FF27,_binary 'x',1e300,-0.5),
(2,NULL,'','\\\\',-5,0.1,'it''s');
INSERT INTO \`a\` (\`id\`, \`x\`\`y\`) VALUES (3,'a');
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
`;

const check = async (text: string | Buffer, size = 7) => {
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
    bytes.subarray(n * size, (n + 1) * size),
  );
  const passed: Buffer[] = [];
  const script = new ScriptCheck();
  script.on('data', (chunk: Buffer) => passed.push(chunk));
  await pipeline(Readable.from(pieces, { objectMode: false }), script);
  return Buffer.concat(passed).toString();
};
const inTable = (line: string, end = ') ENGINE=InnoDB;') => `CREATE TABLE \`t\` (\n${line}\n${end}\n`;

describe('the script of a dump', () => {
  it('passes as the programs write it, however it comes in pieces', async () => {
    for (const size of [1, 7, 64, 10_000]) expect(await check(GOOD, size)).toBe(GOOD);
  });

  it.each([
    ...['USE mysql;', 'CREATE DATABASE x;', 'DROP DATABASE x;', 'DROP TABLE `a`;', 'GRANT ALL ON *.* TO x;'],
    ...['SET GLOBAL general_log=1;', '/*!50000 DROP DATABASE x */;', '/*!50000 SET GLOBAL x=1 */;'],
    ...["/*!40101 SET SQL_MODE='ANSI_QUOTES' */;", "/*!40101 SET SQL_MODE='NO_BACKSLASH_ESCAPES' */;"],
    ...['/*!40101 SET NAMES gbk */;', '/*!40101 SET character_set_client = gbk */;'],
    ...['/*!40101 SET @OLD_SQL_MODE=@@CHARACTER_SET_CLIENT */;', '/*!40101 SET SQL_MODE=@OLD_TIME_ZONE */;'],
    ...['/*!40101 SET NAMES utf8mb4 */; DROP DATABASE x;', '/*!40101 SET NAMES utf8mb4 */; DROP DATABASE x; /* */;'],
    ...['\\! touch /tmp/x', 'system touch /tmp/x', 'source /etc/passwd', 'delimiter //', '-- a comment', '# a comment'],
    ...["LOAD DATA INFILE '/etc/passwd' INTO TABLE `a`;", 'CALL x();', 'CREATE VIEW `v` AS SELECT 1;'],
    ...['CREATE TRIGGER `t` BEFORE INSERT ON `a` FOR EACH ROW SET @x=1;', 'SELECT 1;', 'ALTER TABLE `a` ADD x int;'],
    ...['CREATE TABLE `mysql`.`x` (', 'CREATE TABLE x (', 'CREATE TABLE `a` LIKE `b`;', 'CREATE TABLE `a` SELECT 1;'],
    ...['CREATE TABLE `app_supervisor_mark` (', 'CREATE TABLE `App_Supervisor_Mark` (', 'CREATE TABLE `a` ('],
    ...['INSERT INTO `mysql`.`user` VALUES (1);', 'INSERT INTO mysql.user VALUES (1);', 'INSERT INTO `a` SELECT 1;'],
    ...[
      'INSERT INTO `a` VALUES (1)',
      'INSERT INTO `a` VALUES (1); DROP DATABASE x;',
      'INSERT INTO `a` VALUES (now());',
    ],
    ...["INSERT INTO `a` VALUES (load_file('/etc/passwd'));", 'INSERT INTO `a` VALUES ((SELECT 1));'],
    ...["INSERT INTO `a` VALUES ('a');DROP TABLE `a`;", "INSERT INTO `a` VALUES ('a\\\\'); DROP TABLE `a`; -- ');"],
    ...["INSERT INTO `a` VALUES (''); DROP TABLE `a`; -- ');", "INSERT INTO `a` VALUES (' */ (');DROP TABLE a;"],
    ...[
      'INSERT INTO `a` VALUES ("a");',
      'INSERT INTO `a` VALUES (/*! sleep(1) */1);',
      'INSERT INTO `a` VALUES (dead.beef());',
    ],
    ...[
      "INSERT INTO `a` VALUES ('does not\nend');",
      'INSERT INTO `a` VALUES (@@version);',
      '/*!40101 SET NAMES utf8mb4',
    ],
    inTable('`a` int) SELECT * FROM `b`;'),
    inTable('`a` int DEFAULT (`mysql`.`f`())'),
    inTable('`a` int DEFAULT (mysql.f())'),
    inTable("`a` text DEFAULT (load_file('/etc/passwd'))"),
    inTable('CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `mysql`.`user` (`a`)'),
    inTable('`a` int /*!50000 ); DROP DATABASE x; */'),
    inTable("`a` int /*!99999 COMMENT ' */); DROP DATABASE x; -- ' */"),
    inTable('`a` int /*!99999 , `*/ x` int */'),
    inTable('`a` int -- x'),
    inTable('`a` int # x'),
    inTable('`a` int /* x */'),
    inTable('`a` int', ") ENGINE=FEDERATED CONNECTION='mysql://x/y';"),
    inTable('`a` int', ') ENGINE\n=FEDERATED;'),
    inTable('`a` int', ") ENGINE='CONNECT';"),
    inTable('`a` int', ") ENGINE=InnoDB DATA DIRECTORY='/tmp';"),
    inTable('`a` int', ') ENGINE=MyISAM UNION=(`b`);'),
    inTable('`a` int', ') ENGINE=InnoDB; DROP DATABASE x;'),
    inTable('`a` int', ') ENGINE=InnoDB'),
    inTable('delimiter //'),
  ])('is refused with %s', async (line) => {
    await expect(check(`${line}\n`)).rejects.toThrow(/^line \d+ of its database: /);
    await expect(check(`${GOOD}${line}\n${GOOD.split('\n').slice(2).join('\n')}`)).rejects.toThrow(/of its database/);
  });

  it('is refused where it is no text', async () => {
    const broken = Buffer.concat([
      Buffer.from("INSERT INTO `a` VALUES ('"),
      Buffer.from([0xe4, 0x27]),
      Buffer.from(');\n'),
    ]);
    await expect(check(broken)).rejects.toThrow('not text in UTF-8');
  });

  it('says no more of what it refuses than where it begins', async () => {
    const error: unknown = await check(`USE ${'x'.repeat(5_000)};\n`).catch((thrown: unknown) => thrown);
    expect((error as Error).message.length).toBeLessThan(150);
  });

  it('takes any text for what it is', async () => {
    const signs: Record<string, string> = { '\0': '\\0', '\n': '\\n', '\r': '\\r' };
    const escape = (text: string) => text.replace(/[\\'"]|\p{Cc}/gu, (sign) => signs[sign] ?? `\\${sign}`);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), async (texts) => {
        const script = `INSERT INTO \`a\` VALUES (${texts.map((text) => `'${escape(text)}'`).join(',')});\n`;
        expect(await check(script, 5)).toBe(script);
      }),
    );
  });

  it('is read in time that grows with its size', async () => {
    const row = `(1,'${"x\\'y".repeat(500_000)}')`;
    const began = Date.now();
    await check(`INSERT INTO \`a\` VALUES ${Array<string>(10).fill(row).join(',')};\n`, 65_536);
    await expect(check(`INSERT INTO \`a\` VALUES (${'1'.repeat(1_000_000)}x);\n`, 65_536)).rejects.toThrow();
    expect(Date.now() - began).toBeLessThan(10_000);
  });
});

describe('a program of MySQL or MariaDB', () => {
  it.each([
    ['mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)', 'MariaDB', '10.11.19'],
    ['mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux (x86_64)', 'MariaDB', '11.4.2'],
    ['mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)', 'MySQL', '8.0.36'],
    ['mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)', 'MySQL', '5.7.44'],
  ])('says of what edition it is: %s', (said, maker, version) => {
    expect(programEdition(said)).toEqual({ maker, version });
  });
});

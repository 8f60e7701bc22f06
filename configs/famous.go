package configs

// famous lists keys of 32 bytes and more that products ship or their manuals and
// standards print, in lower case and without the padding of base64. They are the first that anybody tries.
func famous() []string {
	return []string{
		"edd1c9f034335f136f87ad84b625c8f1",                                      // Apache APISIX, admin
		"4054f7cf07e344346cd3f287985e76a2",                                      // Apache APISIX, viewer
		"352d20ee67be67f6340b4c0605b044b7",                                      // Tyk
		"e71829c351aa4242c2719cbfbe671c09",                                      // Kong, its JWT plugin's manual
		"a36c3049b36249a3c9f8891cb127243c",                                      // the same, the key beside it
		"reallyreallyreallyreallyverysafe",                                      // PostgREST
		"super-secret-jwt-token-with-at-least-32-characters-long",               // Supabase
		"upnvntn3cdxhjpq99ymc1t1aqgqpc8kfyturgbiya15blrx8etqoxz3gzv1/u2oq",      // Supabase, SECRET_KEY_BASE
		"3ek6fd+o0+c7tzbnvfjpmkndi2yaraakzqlk8o2ikoxqu4nf7edah8s3twphwrdwt6r",   // Hasura
		"my-secret-token-to-change-in-production",                               // JHipster
		"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",      // FastAPI
		"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",      // Flask
		"cc7e0d44fd473002f1c42167459001140ec6389b7353f8088f4d9a95f2f596f2",      // panva/jose
		"67d829bf61dc5f87a73fd814e2c9f629",                                      // Symfony
		"255d861b-5ea1-5996-9aa3-922530ec40b1",                                  // Directus, KEY
		"6116487b-cda1-52c2-b5b5-c8022c45e263",                                  // Directus, SECRET
		"masterkeyneedstohave32characters",                                      // ZITADEL
		"secretkey012345678901234567890123456789012345678901234567890123456789", // Nacos
		"46bkjoqylppoexq0ohdznilnepkff87wfwlbfzqddho",                           // Apache Airflow, as containers ship it
		"81hqdtbqaywksoumsha3bhwnodq26slt6k0yazezyps",                           // Apache Airflow, its manual
		"a25mq1fhtuh3mnfrsk5kmeiyvvu2ymn0vgryytvxy08",                           // Apache Airflow, the key beside it

		// jwt.io, and RFC 7515 A.1, RFC 7520 §3.5 and §3.6
		"a-string-secret-at-least-256-bits-long",
		"a-valid-string-secret-that-is-at-least-384-bits-long",
		"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
		"aym1sysppbydfgzld3umj1qzkobwvmkoqq-estjqlr_t-1qs0gzh75aktmn3yj0ips4hcguutwjazzr1z9caow",
		"hjtxiz2usn5kbqfbttnwbpdmhkv8fjg-onbc6mxccyg",
		"aapapav4lbfbivawejagubluyqn5rhna-8nulddvox8",

		// AES-256 of NIST SP 800-38A, and of the GCM specification
		"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",

		// Ed25519 of RFC 8032 §7.1 (the first is RFC 8037's too) and of RFC 8410
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
		"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
		"d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842",
	}
}

// placeholders lists words that say "put yours here", or that people write who
// were asked for a secret.
func placeholders() []string {
	return []string{
		"changeme", "changethis", "changeit", "replaceme", "replacethis", "replacewith", "tobemodified", "modifyme",
		"yoursecret", "yourkey", "yourjwt", "yourown", "yourencryption", "youmustgenerate", "putyour", "insertyour",
		"256bit", "512bit", "384bit", "32char", "atleast32", "example", "placeholder", "insecure", "notasecure", "notsosecret", "donotuse", "dontuse",
		"supersecret", "verysecret", "mysecret", "topsecret", "testsecret", "secretkey", "jwtsecret", "thisismy", "thisisasecret", "thisisthesecret", "thismysecret",
		"password", "passphrase", "loremipsum", "letmein", "keyboardcat",
	}
}

// runs are what a hand typing along the keyboard or the alphabet makes.
const runs = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz1234567890qwertyuiopasdfghjklzxcvbnm1234567890"
